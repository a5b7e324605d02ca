/** `poe store` on a sqlite file, beside servers. */
import { describeVerbs } from './verbs-suite.js'

describeVerbs('sqlite')
