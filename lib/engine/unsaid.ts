/**
 * That a handler is at its end and has not said what became of its work. It has thrown nothing, so
 * `releaseOnThrow` says nothing of it.
 *
 * @see decision 0012
 */
export class Unsaid extends Error {}
