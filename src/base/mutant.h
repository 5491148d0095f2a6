/*
 * Mutants: faults of our own, built in on purpose to see the simulator find them.
 *
 * MUTANT(NO_FENCE) is 0, so gone after the compiler, in every build but the one that the mutation
 * run uses (-DMUTANTS): there it is true when that mutant was asked for. A rule that no mutant can
 * break without a test failing is a rule nobody checks.
 */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H

#ifdef MUTANTS
/* True when the mutant of this name is the one that runs: the simulator's, see its main.c. */
int mutant_is_on(const char *name);
#define MUTANT(name)                                                                               \
    __extension__({                                                                                \
        static int on = -1;                                                                        \
        if (on < 0)                                                                                \
            on = mutant_is_on(#name);                                                              \
        on;                                                                                        \
    })
#else
#define MUTANT(name) 0
#endif

#endif
