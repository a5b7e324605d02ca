/** The wrong servers, judged: those that are each made for one check. */
import { describeWrong } from './judge-wrong.js'
import { WRONG_MORE } from './servers/wrong-more.js'

describeWrong('poe check of more wrong servers', WRONG_MORE)
