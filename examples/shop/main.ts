/** Starts the shop as it is, without the live page that `npm start` adds (`live/main.ts`). */
import { createShop } from './app.js'
import { serve } from './serve.js'

const { origin, notes } = await serve(({ faults, leaseMs, linkLifeMs }, storage) =>
  createShop({ storage, faults, leaseMs, linkLifeMs }),
)
console.log(
  `The shop is open at ${origin} (${notes}): order at /basket, press the button ` +
    'twice, go back and send it again; /ledger counts one.',
)
