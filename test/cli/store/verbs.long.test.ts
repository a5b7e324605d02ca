/** `poe store` on Redis and on PostgreSQL, beside servers. */
import { describeVerbs } from './verbs-suite.js'

describeVerbs('redis')
describeVerbs('postgres')
