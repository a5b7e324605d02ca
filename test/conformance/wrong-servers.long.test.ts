/** The wrong servers, judged: those that the independent one is told to be. */
import { describeWrong } from './judge-wrong.js'
import { WRONG } from './servers/wrong.js'

describeWrong('poe check of wrong servers', WRONG)
