/** Right servers of each door pass, and some wrong ones are caught; all of them in the file beside. */
import { describeDoors } from './judge-door.js'

describeDoors(8)
