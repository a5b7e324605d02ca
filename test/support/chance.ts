/**
 * What tests by chance begin with: the same in every run, so that what one finds another finds too.
 * `POE_SEED=<number> npm test -- <file>` tries others.
 */
export const SEED: number = Number(process.env.POE_SEED ?? 1)
