/*
 * Mutants: faults of our own, built in on purpose to see the simulator find them.
 *
 * MUTANT(NO_FENCE) is 1 in a build with -DMUTANT_NO_FENCE and 0, so gone after the compiler, in
 * every other one. A rule that no mutant can break without a test failing is a rule nobody
 * checks.
 */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H

/* The preprocessor's way to ask "is it defined as 1?" inside an expression. */
#define MUTANT_COMMA_1                    0,
#define MUTANT_SECOND(first, second, ...) second
#define MUTANT_PICK(comma_or_nothing)     MUTANT_SECOND(comma_or_nothing 1, 0, 0)
#define MUTANT_EXPANDED(value)            MUTANT_PICK(MUTANT_COMMA_##value)
#define MUTANT_IS_SET(name)               MUTANT_EXPANDED(name)
#define MUTANT(name)                      MUTANT_IS_SET(MUTANT_##name)

#endif
