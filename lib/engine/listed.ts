/**
 * A list of what comes and goes all the time. Whatever stands in it is its own entry, so that it is
 * taken out without a search.
 *
 * A `Set` that is added to and deleted from makes a new table now and then, and each table keeps
 * hold of the next one: once one of them is old, whatever passes through the set outlives its use.
 */

/**
 * Something that can stand in one list: between its neighbours, or by itself.
 *
 * It has many subclasses, as those below it have. Their members are assigned: to define them, as a
 * field of a class is, takes V8 ten times as long where more than four classes share the field.
 */
export class Listed {
  /** @internal */
  declare next: Listed
  /** @internal */
  declare previous: Listed

  constructor() {
    this.next = this
    this.previous = this
  }
}

/** A list, in the order in which its items came. */
export class List<Item extends Listed> {
  /** Stands before the first and after the last. */
  readonly #end = new Listed()

  /** Whether nothing is in it. */
  get isEmpty(): boolean {
    return this.#end.next === this.#end
  }

  /** Puts an item at the end; it must be in no list. */
  add(item: Item): void {
    const end = this.#end
    const last = end.previous
    item.previous = last
    item.next = end
    last.next = item
    end.previous = item
  }

  /** Everything that is in it now. */
  items(): Item[] {
    const items: Item[] = []
    for (let at = this.#end.next; at !== this.#end; at = at.next) items.push(at as Item)
    return items
  }
}

/** Whether something is in a list. */
export function isListed(item: Listed): boolean {
  return item.next !== item
}

/** Takes something out of its list; harmless where it is in none. */
export function unlist(item: Listed): void {
  const { next, previous } = item
  previous.next = next
  next.previous = previous
  item.next = item
  item.previous = item
}
