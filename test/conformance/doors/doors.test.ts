/** Right servers of each door pass, and some wrong ones are caught; all of those beside. */
import { describeDoors } from './judge-door.js'

describeDoors(8)
