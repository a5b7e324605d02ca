/*
 * The claim protocol of one POE resource: claim, mark, effect, complete, release, settle, and a
 * store that forgets. README.md says what is modelled, what is left out, and how to run it.
 *
 * Kind of the resource, one of:
 *   -DEXTERNAL       the effect is outside the store; silence means undecided (the default)
 *   -DTRANSACTIONAL  effect and completion are one step of the store; silence frees
 *   -DMARKS          external; silence frees before the mark and means undecided after it
 * Size: -DN=3 attempts (each POST that is served, so also each retry, is one attempt with an owner
 *   of its own), -DCOPIES=1 requests that reach the store twice.
 * Surroundings: -DSTEADY nobody crashes or throws, no memory is lost, nobody settles;
 *   -DMEMORY_HOLDS no memory is lost; -DPROMPT every claim is answered;
 *   -DCLAIM_COPIES a claim may reach the store twice as well.
 * Properties: -DCHECK is a sum of 1 (one effect), 2 (no false yes), 4 (no false no), 8 (nothing
 *   stuck), 16 (nobody ever gets through: to see that somebody does).
 * What is taken away: the names after "Weakened" below.
 */

#ifndef N
#define N 3
#endif
#ifndef COPIES
#define COPIES 1
#endif
#ifndef CHECK
#define CHECK 7
#endif

#if !defined(TRANSACTIONAL) && !defined(MARKS) && !defined(EXTERNAL)
#define EXTERNAL
#endif

/* What a claim's `onSilence` is. Weakened: SILENCE_FREES. */
#if defined(EXTERNAL) && !defined(SILENCE_FREES)
#define ON_SILENCE true
#else
#define ON_SILENCE false
#endif

/* ---------------------------------------------------------------- what the properties look at */

byte effects;      /* how often the effect happened */
bool did[N + 1];   /* whose it was */
bool over[N + 1];  /* an attempt whose handler cannot have an effect any more */
bool lost;         /* the store has lost its memory */

#if CHECK & 1
#define ONE_EFFECT assert(effects <= 1)
#else
#define ONE_EFFECT skip
#endif

#if CHECK & 2
#define TRUE_YES assert(effects >= 1)
#else
#define TRUE_YES skip
#endif

#define IS_FREE (state == NONE || (state == LAPSED && !doubt))
#if CHECK & 4
#define TRUE_NO assert(!(IS_FREE && effects >= 1 && !lost))
#define NO_FALSE_FAILURE assert(!(effects >= 1 && !lost))
#else
#define TRUE_NO skip
#define NO_FALSE_FAILURE skip
#endif

/* ---------------------------------------------------------------- the record, in the store */

#define NONE 0     /* no record */
#define RUNNING 1  /* an owner holds a lease */
#define LAPSED 2   /* its lease has run out: free or undecided, as `doubt` says */
#define SPENT 3    /* it has its outcome */

byte state;
byte owner;        /* of a spent record: who spent it; 0 where a verdict from outside did */
bool doubt;        /* `onSilence` is undecided */
byte epoch;        /* the token was minted in epoch 0 */

#define IS_OWN(i) (owner == i && (state == RUNNING || state == LAPSED))

#define FORGET_RECORD state = NONE; owner = 0; doubt = false
#define TAKE(i) state = RUNNING; owner = i; doubt = ON_SILENCE
#define SPEND(by) state = SPENT; owner = by; doubt = false

/* ---------------------------------------------------------------- between attempts and store */

#define CLAIM 1
#define MARK 2
#define DONE 4     /* complete; of a transactional resource: commit */
#define FREE 8     /* release */

byte fly[N + 1];   /* requests on their way; they outlive their sender */
byte wait[N + 1];  /* the request whose reply is waited for */
byte reply[N + 1];
bool late[N + 1];  /* the store's clock is past the attempt's `claimByMs` */
bool disowns[N + 1];
byte copies;

#define CLAIMED 1
#define IS_RUNNING 2
#define IS_SPENT 3
#define IS_UNDECIDED 4
#define WRONG_EPOCH 5
#define IS_LATE 6
#define OK 7
#define STALE 8
#define AFTER 16   /* added to a release's reply that was given after `claimByMs` */

#define SEND(i, what) fly[i] = fly[i] | what; wait[i] = what; reply[i] = 0
#define REPLY(i, to, what) if :: wait[i] == to -> reply[i] = what :: else fi
#define TOLD_STALE(i) (reply[i] == STALE || reply[i] == STALE + AFTER)
#define NAME(i) (64 + i)

/* The request was carried out; its reply may be lost, and then it is sent again. */
inline arrive(i, what) {
  if
  :: fly[i] = fly[i] & (15 - what)
#if COPIES > 0
  :: copies < COPIES -> copies++; printf("   (this request will reach the store again)\n")
#endif
  fi
}

inline refuse(i, why) {
  REPLY(i, CLAIM, why);
  if
  :: why == IS_RUNNING -> printf("store: %c's claim: running (%c)\n", NAME(i), NAME(owner))
  :: why == IS_SPENT -> printf("store: %c's claim: spent\n", NAME(i))
  :: why == IS_UNDECIDED -> printf("store: %c's claim: undecided (%c)\n", NAME(i), NAME(owner))
  :: why == WRONG_EPOCH -> printf("store: %c's claim: wrong epoch\n", NAME(i))
  :: why == IS_LATE -> printf("store: %c's claim came after claimByMs: refused\n", NAME(i))
  fi
}

/* Weakened: NON_ATOMIC, the claim looks in one step and takes in another. */
bool looked[N + 1];

inline grant(i) {
#ifdef NON_ATOMIC
  looked[i] = true; printf("store: %c looks: the key is free\n", NAME(i))
#else
  TAKE(i); REPLY(i, CLAIM, CLAIMED); printf("store: the key is %c's\n", NAME(i))
#endif
}

/* Store.claim. Weakened: NO_CLAIM_BY, NO_EPOCH, EPOCH_CACHED, RECLAIM_UNMARKS. */
inline claimStep(i) {
  if
  :: state == SPENT -> refuse(i, IS_SPENT)
  :: state == RUNNING && owner == i ->
    REPLY(i, CLAIM, CLAIMED); printf("store: %c's claim again: still %c's\n", NAME(i), NAME(i));
#ifdef RECLAIM_UNMARKS
    doubt = ON_SILENCE
#endif
  :: state == RUNNING && owner != i -> refuse(i, IS_RUNNING)
  :: state == LAPSED && doubt -> refuse(i, IS_UNDECIDED)
  :: IS_FREE ->
    if
#ifndef NO_CLAIM_BY
    :: late[i] -> refuse(i, IS_LATE)
#endif
#if !defined(NO_EPOCH) && !defined(EPOCH_CACHED)
    :: else ->
      if
      :: epoch != 0 -> refuse(i, WRONG_EPOCH)
      :: else -> grant(i)
      fi
#else
    :: else -> grant(i)
#endif
    fi
  fi
}

/* Store.mark. Weakened: NO_OWNER_MARK. */
inline markStep(i) {
  if
#ifdef NO_OWNER_MARK
  :: state == RUNNING || state == LAPSED ->
#else
  :: IS_OWN(i) ->
#endif
    doubt = true; REPLY(i, MARK, OK); printf("store: %c's mark is there\n", NAME(i))
  :: else -> REPLY(i, MARK, STALE); printf("store: %c's mark: stale\n", NAME(i))
  fi
}

inline effect(i) {
  effects++; did[i] = true;
  printf("*** %c's effect happens (effect number %d)\n", NAME(i), effects);
  ONE_EFFECT
}

/* Store.complete, or StoreTransaction.commit. Weakened: NO_OWNER_COMPLETE. */
inline completeStep(i) {
  if
#ifdef NO_OWNER_COMPLETE
  :: state != NONE ->
#else
  :: IS_OWN(i) ->
#endif
#if defined(TRANSACTIONAL) && !defined(SPLIT)
    printf("store: %c's transaction commits\n", NAME(i)); SPEND(i); effect(i);
#else
    printf("store: %c's completion: spent\n", NAME(i)); SPEND(i);
#endif
    REPLY(i, DONE, OK)
#ifndef NO_OWNER_COMPLETE
  :: state == SPENT && owner == i -> REPLY(i, DONE, OK)
#endif
  :: else -> REPLY(i, DONE, STALE); printf("store: %c's completion: stale\n", NAME(i))
  fi
}

/* Store.release. Weakened: NO_OWNER_RELEASE. */
inline releaseStep(i) {
  if
#ifdef NO_OWNER_RELEASE
  :: state == RUNNING || state == LAPSED ->
#else
  :: IS_OWN(i) ->
#endif
    printf("store: %c's release frees the key of %c\n", NAME(i), NAME(owner));
    FORGET_RECORD;
    REPLY(i, FREE, (late[i] -> OK + AFTER : OK))
  :: else ->
    REPLY(i, FREE, (late[i] -> STALE + AFTER : STALE));
    printf("store: %c's release: stale\n", NAME(i))
  fi
}

#if defined(CLAIM_COPIES)
#define CLAIM_ARRIVES(i) arrive(i, CLAIM)
#else
#define CLAIM_ARRIVES(i) fly[i] = fly[i] & (15 - CLAIM)
#endif
/* A commit is never sent again: its connection knows it once. */
#if defined(TRANSACTIONAL) && !defined(SPLIT)
#define DONE_ARRIVES(i) fly[i] = fly[i] & (15 - DONE)
#else
#define DONE_ARRIVES(i) arrive(i, DONE)
#endif

/* Carries the requests of one attempt to the store, in any order and after any time. */
proctype Network(byte i) {
end:
  do
  :: atomic { fly[i] & CLAIM -> CLAIM_ARRIVES(i); claimStep(i); TRUE_NO }
#ifdef NON_ATOMIC
  :: atomic { looked[i] ->
      looked[i] = false; TAKE(i); REPLY(i, CLAIM, CLAIMED);
      printf("store: %c takes the key it saw free\n", NAME(i)) }
#endif
#ifdef MARKS
  :: atomic { fly[i] & MARK -> arrive(i, MARK); markStep(i); TRUE_NO }
#endif
  :: atomic { fly[i] & DONE -> DONE_ARRIVES(i); completeStep(i); TRUE_NO }
  :: atomic { fly[i] & FREE -> arrive(i, FREE); releaseStep(i); TRUE_NO }
    /* Time matters only while a claim is on its way, or its release waits for that time. */
  :: atomic { !late[i] && ((fly[i] & CLAIM) || disowns[i]) ->
      late[i] = true; printf("time: claimByMs of %c is over\n", NAME(i)) }
  od
}

/* ---------------------------------------------------------------- one POST, served */

inline finish(i) {
  over[i] = true; wait[i] = 0; reply[i] = 0; disowns[i] = false
}

proctype Attempt(byte me) {
  bool reported;
  atomic {
#ifdef EPOCH_CACHED
    if
    :: epoch != 0 -> printf("%c: 410 forgotten\n", NAME(me)); finish(me); goto gone
    :: else
    fi;
#endif
    SEND(me, CLAIM); printf("%c: a POST comes; its claim is sent\n", NAME(me))
  }
  if
  :: atomic { reply[me] == CLAIMED ->
      wait[me] = 0; reply[me] = 0; printf("%c: runs the handler\n", NAME(me)) }
  :: atomic { reply[me] == IS_SPENT ->
      printf("%c: 405\n", NAME(me)); TRUE_YES; finish(me); goto gone }
  :: atomic { reply[me] > IS_SPENT || reply[me] == IS_RUNNING ->
      printf("%c: 409, 410 or 503\n", NAME(me)); finish(me); goto gone }
#ifndef PROMPT
  :: atomic { wait[me] = FREE; reply[me] = 0; disowns[me] = true;
      printf("%c: no answer to the claim: 503, and its release is sent\n", NAME(me)); goto disown }
#endif
#ifndef STEADY
  :: atomic { printf("%c: crashes\n", NAME(me)); finish(me); goto gone }
#endif
  fi;

  /* The handler. */
  if
  :: atomic { reported = true; printf("%c: the handler reports a failure\n", NAME(me));
      goto release }
  :: skip
#ifndef STEADY
  :: atomic { printf("%c: crashes or throws before the effect\n", NAME(me)); finish(me); goto gone }
#endif
  fi;

#ifdef MARKS
  atomic { SEND(me, MARK); printf("%c: sends the mark\n", NAME(me)) }
#ifndef MARK_NOT_AWAITED
  if
  :: atomic { reply[me] == OK -> wait[me] = 0; reply[me] = 0 }
  :: atomic { reply[me] == STALE ->
      printf("%c: the mark was refused: no effect\n", NAME(me)); goto release }
  :: atomic { printf("%c: no answer to the mark: no effect\n", NAME(me)); goto release }
#ifndef STEADY
  :: atomic { printf("%c: crashes or throws before the effect\n", NAME(me)); finish(me); goto gone }
#endif
  fi;
#endif
#endif

#ifdef SPENT_FIRST
  /* Weakened: recorded before it is done. */
  atomic { SEND(me, DONE); printf("%c: sends the completion before the effect\n", NAME(me)) }
  if
  :: atomic { reply[me] == OK -> effect(me); printf("%c: 201\n", NAME(me)); finish(me); goto gone }
  :: atomic { printf("%c: crashes\n", NAME(me)); finish(me); goto gone }
  fi;
#endif

#ifdef SPLIT
  /* Weakened: the handler's transaction is fenced, but its completion is a write after it. */
  if
  :: atomic { IS_OWN(me) -> effect(me) }
  :: atomic { !IS_OWN(me) -> printf("%c: its transaction is refused\n", NAME(me)); goto release }
  fi;
#endif
#ifndef TRANSACTIONAL
  atomic { effect(me); TRUE_NO }
#endif
#if !defined(TRANSACTIONAL) || defined(SPLIT)
#ifndef STEADY
  if
  :: skip
  :: atomic { printf("%c: crashes or throws after the effect\n", NAME(me)); finish(me); goto gone }
#ifdef THROW_FREES
  :: atomic { printf("%c: throws after the effect, which is taken for a failure\n", NAME(me));
      goto release }
#endif
  fi;
#endif
#endif

  atomic { SEND(me, DONE); printf("%c: sends the completion\n", NAME(me)) }
  if
  :: atomic { reply[me] == OK -> printf("%c: 201\n", NAME(me)); TRUE_YES; finish(me); goto gone }
  :: atomic { reply[me] == STALE ->
      printf("%c: answers from the record\n", NAME(me)); finish(me); goto gone }
#if defined(TRANSACTIONAL) && !defined(SPLIT)
  :: atomic { printf("%c: no answer to the commit\n", NAME(me)); goto release }
#endif
#ifndef STEADY
  :: atomic { printf("%c: crashes\n", NAME(me)); finish(me); goto gone }
#endif
  fi;

release:
  atomic { SEND(me, FREE); printf("%c: sends the release\n", NAME(me)) }
  if
  :: atomic { reply[me] != 0 ->
      if
#ifdef STALE_FAILS
      /* Weakened: what the handler reported is answered, though its claim was lost. */
      :: reported && TOLD_STALE(me) ->
        printf("%c: answers that it failed\n", NAME(me)); NO_FALSE_FAILURE
#endif
      :: reported && !TOLD_STALE(me) -> printf("%c: answers that it failed\n", NAME(me))
      :: else -> printf("%c: answers from the record\n", NAME(me))
      fi;
      reported = false; finish(me) }
#ifndef STEADY
  :: atomic { printf("%c: crashes\n", NAME(me)); reported = false; finish(me) }
#endif
  fi;
  goto gone;

disown:
  /* Weakened: RELEASE_ONCE, any answer to the release ends the matter. */
  do
  :: atomic { !(fly[me] & FREE) && reply[me] == 0 -> fly[me] = fly[me] | FREE }
#ifdef RELEASE_ONCE
  :: atomic { reply[me] != 0 -> finish(me); break }
#else
  :: atomic { reply[me] >= AFTER ->
      printf("%c: its release was answered after claimByMs: done\n", NAME(me)); finish(me); break }
  :: atomic { reply[me] != 0 && reply[me] < AFTER -> reply[me] = 0 }
#endif
#ifndef STEADY
  :: atomic { printf("%c: crashes\n", NAME(me)); finish(me); break }
#endif
  od;

gone:
  skip
}

/* ---------------------------------------------------------------- leases, memory, operators */

/* With nobody silent a lease still is longer than a claim may be on its way. */
#ifdef STEADY
#define CAN_LAPSE !(fly[owner] & CLAIM)
#else
#define CAN_LAPSE true
#endif

/* Leases run out at any time; a renewal may still come to a record that nobody has taken. */
proctype Leases() {
end:
  do
  :: atomic { state == RUNNING && CAN_LAPSE -> state = LAPSED;
      if
      :: doubt -> printf("time: %c's lease runs out: undecided\n", NAME(owner))
      :: else -> printf("time: %c's lease runs out: free\n", NAME(owner))
      fi;
      TRUE_NO }
  :: atomic { state == LAPSED && !over[owner] -> state = RUNNING;
      printf("store: %c's renewal comes\n", NAME(owner)) }
  od
}

#ifndef STEADY
#ifndef MEMORY_HOLDS
/* Weakened: KEPT_EPOCH. */
proctype Memory() {
end:
  atomic { (true) -> lost = true; FORGET_RECORD;
#ifdef KEPT_EPOCH
    printf("store: its memory is lost, its epoch is the old one\n")
#else
    epoch = 1; printf("store: its memory is lost, its epoch is a new one\n")
#endif
  }
}
#endif

/* Who decides an undecided key: an operator or the application's `reconcile`, truthfully. */
byte expected;     /* whose silence is judged; 0 while nothing is on its way */
bool happened;

/* Weakened: RECONCILE_EARLY, "did not happen" about a handler that still may. */
#ifdef RECONCILE_EARLY
#define CANNOT_ANY_MORE(i) true
#else
#define CANNOT_ANY_MORE(i) over[i]
#endif

/* Weakened: NO_SETTLE_CHECK, settle does not compare the owner. */
#ifdef NO_SETTLE_CHECK
#define IS_JUDGED (state == LAPSED && doubt)
#else
#define IS_JUDGED (state == LAPSED && doubt && owner == expected)
#endif

proctype Operator() {
end:
  do
  :: atomic { state == LAPSED && doubt && expected == 0 && (did[owner] || CANNOT_ANY_MORE(owner)) ->
      expected = owner; happened = did[owner];
      if
      :: happened -> printf("operator: %c's effect happened\n", NAME(expected))
      :: else -> printf("operator: %c's effect did not happen and cannot\n", NAME(expected))
      fi }
  :: atomic { expected != 0 ->
      if
      :: IS_JUDGED && happened -> SPEND(0); printf("store: settled: spent\n")
      :: IS_JUDGED && !happened ->
        printf("store: settled: the key of %c is free\n", NAME(owner)); FORGET_RECORD
      :: else -> printf("store: the verdict on %c is stale\n", NAME(expected))
      fi;
      if
      :: expected = 0; happened = false
#if COPIES > 0
      :: copies < COPIES -> copies++; printf("   (the verdict will reach the store again)\n")
#endif
      fi;
      TRUE_NO }
  od
}
#endif

#if CHECK & 24
#if N == 2
#define ALL_OVER (over[1] && over[2])
#define NOTHING_FLIES (fly[1] == 0 && fly[2] == 0)
#else
#define ALL_OVER (over[1] && over[2] && over[3])
#define NOTHING_FLIES (fly[1] == 0 && fly[2] == 0 && fly[3] == 0)
#endif
#define IS_OPEN (state == NONE || !doubt)

/* When all is over and the lease too, the key is spent or can be had: nothing is stuck. */
proctype Rest() {
end:
  atomic { ALL_OVER && NOTHING_FLIES && state != RUNNING ->
#if CHECK & 8
    printf("rest: nobody is at work and nothing is on its way\n");
    assert(effects == 1 && state == SPENT || effects == 0 && IS_OPEN)
#else
    assert(state != SPENT)
#endif
  }
}
#endif

init {
  atomic {
    run Leases();
#if !defined(STEADY) && !defined(MEMORY_HOLDS)
    run Memory();
#endif
#ifndef STEADY
    run Operator();
#endif
#if CHECK & 24
    run Rest();
#endif
    /* The last one first: spin prefers the youngest process, and stories that begin with A. */
    byte i = N;
    do
    :: i > 0 -> run Network(i); run Attempt(i); i--
    :: else -> break
    od
  }
}
