/** What is told of a rule besides the rule. */
export interface Why {
  /** What happens to people where it is broken. */
  readonly why: string
  /** How it is broken, as a rule. */
  readonly wrong: string
  /** What to do. */
  readonly mend: string
}
