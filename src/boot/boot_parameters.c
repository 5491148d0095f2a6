#include "boot/boot_parameters.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

struct merge {
    const struct boot_facts *const *sources;
    unsigned count;
    struct boot_parameters *result;
    struct fault *fault;
};

#define MEND "remove one of them, or say which source not to use with holdfast.ignore=ibft or =dhcp"

typedef const char *text_of(const struct boot_facts *facts);

static const char *target_of(const struct boot_facts *facts)
{
    return facts->lun.target;
}

static const char *initiator_of(const struct boot_facts *facts)
{
    return facts->initiator;
}

static const char *user_of(const struct boot_facts *facts)
{
    return facts->chap.user;
}

static const char *mutual_user_of(const struct boot_facts *facts)
{
    return facts->chap.mutual_user;
}

/* The first source that says it; refused when another one says something else. */
static int find_agreed(const struct merge *merge, text_of *text, const char *what, bool in_any_case,
                       const struct boot_facts **ret_first)
{
    const struct boot_facts *first = NULL;
    for (unsigned i = 0; i < merge->count; i++) {
        const struct boot_facts *facts = merge->sources[i];
        if (*text(facts) == '\0')
            continue;
        if (!first) {
            first = facts;
            continue;
        }
        bool same = in_any_case ? strcasecmp(text(first), text(facts)) == 0
                                : strcmp(text(first), text(facts)) == 0;
        if (!same && !facts->is_default)
            return fault_set(
                merge->fault, -EINVAL,
                "two sources disagree about the %s: %s says '%.80s', %s says '%.80s'; " MEND, what,
                first->source, text(first), facts->source, text(facts));
    }
    *ret_first = first;
    return 0;
}

/* Whether a source speaks about the target that was found: by name, or by leaving it open. */
static bool means_our_target(const struct merge *merge, const struct boot_facts *facts)
{
    return *facts->lun.target == '\0' ||
           strcasecmp(facts->lun.target, merge->result->lun.target) == 0;
}

static int merge_lun_number(const struct merge *merge)
{
    struct url_target *lun = &merge->result->lun;
    const struct boot_facts *first = NULL;
    for (unsigned i = 0; i < merge->count; i++) {
        const struct boot_facts *facts = merge->sources[i];
        if (!facts->lun.lun_is_given || !means_our_target(merge, facts))
            continue;
        if (!first) {
            first = facts;
            lun->lun = facts->lun.lun;
        } else if (facts->lun.lun != lun->lun && !facts->is_default) {
            return fault_set(merge->fault, -EINVAL,
                             "two sources disagree about the LUN: %s says %u, %s says %u; " MEND,
                             first->source, lun->lun, facts->source, facts->lun.lun);
        }
    }
    lun->lun_is_given = true;
    merge->result->lun_is_assumed = !first;
    return 0;
}

static bool has_portals(const struct boot_facts *facts)
{
    return facts->lun.portal_count > 0 && *facts->lun.portals[0].host;
}

static int merge_portals(const struct merge *merge)
{
    struct url_target *lun = &merge->result->lun;
    for (unsigned i = 0; i < merge->count; i++) {
        const struct boot_facts *facts = merge->sources[i];
        if (!has_portals(facts) || !means_our_target(merge, facts))
            continue;
        lun->portal_count = facts->lun.portal_count;
        memcpy(lun->portals, facts->lun.portals, sizeof lun->portals);
        merge->result->portals_from = facts->source;
        return 0;
    }
    return fault_set(merge->fault, -ENOENT,
                     "%s names the target %.100s, but no source gives its address; write "
                     "holdfast=iscsi://ADDRESS/TARGET/LUN",
                     merge->result->lun_from, lun->target);
}

static int merge_lun(const struct merge *merge)
{
    const struct boot_facts *first;
    int error = find_agreed(merge, target_of, "target", true, &first);
    if (error)
        return error;
    if (!first)
        return fault_set(merge->fault, -ENOENT,
                         "no source names a target: neither the kernel command line, nor an iBFT, "
                         "nor DHCP's root path, nor boot.conf; write holdfast=iscsi://...");
    strcpy(merge->result->lun.target, first->lun.target);
    merge->result->lun_from = first->source;
    error = merge_lun_number(merge);
    return error ? error : merge_portals(merge);
}

static int merge_initiator(const struct merge *merge)
{
    const struct boot_facts *first;
    int error = find_agreed(merge, initiator_of, "initiator's name", true, &first);
    if (error || !first)
        return error;
    strcpy(merge->result->initiator, first->initiator);
    merge->result->initiator_from = first->source;
    return 0;
}

/* A secret counts for the user of its own source, or for any when that names none. */
static bool is_for(const char *user, const char *theirs)
{
    return *theirs == '\0' || strcmp(user, theirs) == 0;
}

static bool has_secret(const struct boot_chap *chap)
{
    return *chap->secret || *chap->secret_file;
}

static bool has_mutual_secret(const struct boot_chap *chap)
{
    return *chap->mutual_secret || *chap->mutual_secret_file;
}

static int merge_secret(const struct merge *merge)
{
    struct boot_chap *chap = &merge->result->chap;
    const char *from = NULL;
    for (unsigned i = 0; i < merge->count; i++) {
        const struct boot_facts *facts = merge->sources[i];
        if (!has_secret(&facts->chap) || !is_for(chap->user, facts->chap.user))
            continue;
        if (!from) {
            strcpy(chap->secret, facts->chap.secret);
            strcpy(chap->secret_file, facts->chap.secret_file);
            from = facts->source;
        } else if (!facts->is_default && strcmp(chap->secret, facts->chap.secret) != 0) {
            return fault_set(merge->fault, -EINVAL,
                             "two sources disagree about the CHAP secret: %s and %s; " MEND, from,
                             facts->source);
        }
    }
    merge->result->secret_from = from;
    return from ? 0
                : fault_set(merge->fault, -ENOENT,
                            "%s names the CHAP user %.64s, but no source has the secret; put it "
                            "into boot.conf as chap_secret_file=",
                            merge->result->chap_from, chap->user);
}

static int merge_mutual_secret(const struct merge *merge)
{
    struct boot_chap *chap = &merge->result->chap;
    for (unsigned i = 0; i < merge->count; i++) {
        const struct boot_chap *theirs = &merge->sources[i]->chap;
        if (!has_mutual_secret(theirs) || !is_for(chap->mutual_user, theirs->mutual_user))
            continue;
        strcpy(chap->mutual_secret, theirs->mutual_secret);
        strcpy(chap->mutual_secret_file, theirs->mutual_secret_file);
        return 0;
    }
    return fault_set(merge->fault, -ENOENT,
                     "the target has to prove that it is %.64s, but no source has the secret for "
                     "that; put it into boot.conf as mutual_chap_secret_file=",
                     chap->mutual_user);
}

static int merge_chap(const struct merge *merge)
{
    struct boot_chap *chap = &merge->result->chap;
    const struct boot_facts *first, *mutual;
    int error = find_agreed(merge, user_of, "CHAP user", false, &first);
    if (error || !first)
        return error;
    strcpy(chap->user, first->chap.user);
    merge->result->chap_from = first->source;
    error = merge_secret(merge);
    if (!error)
        error = find_agreed(merge, mutual_user_of, "target's CHAP user", false, &mutual);
    if (error || !mutual)
        return error;
    strcpy(chap->mutual_user, mutual->chap.mutual_user);
    return merge_mutual_secret(merge);
}

/* Defaults go behind all others, each kind in its order: so what comes first counts. */
static void rank(const struct boot_facts *const *sources, unsigned count,
                 const struct boot_facts *ret_ranked[BOOT_SOURCES])
{
    unsigned used = 0;
    for (int defaults = 0; defaults <= 1; defaults++) {
        for (unsigned i = 0; i < count; i++) {
            if (sources[i]->is_default == defaults)
                ret_ranked[used++] = sources[i];
        }
    }
}

int boot_parameters_merge(const struct boot_facts *const *sources, unsigned count,
                          struct boot_parameters *ret_parameters, struct fault *fault)
{
    assert(count <= BOOT_SOURCES);
    struct boot_parameters result = {0};
    const struct boot_facts *ranked[BOOT_SOURCES], *of_target[BOOT_SOURCES];
    struct merge merge = {ranked, count, &result, fault};
    struct merge chap = {of_target, 0, &result, fault};
    rank(sources, count, ranked);
    int error = merge_lun(&merge);
    if (!error)
        error = merge_initiator(&merge);
    for (unsigned i = 0; !error && i < count; i++) {
        if (means_our_target(&merge, ranked[i])) /* a default for another LUN may differ */
            of_target[chap.count++] = ranked[i];
    }
    if (!error)
        error = merge_chap(&chap);
    if (!error)
        *ret_parameters = result;
    boot_parameters_wipe(&result);
    return error;
}

void boot_parameters_wipe(struct boot_parameters *parameters)
{
    explicit_bzero(parameters->chap.secret, sizeof parameters->chap.secret);
    explicit_bzero(parameters->chap.mutual_secret, sizeof parameters->chap.mutual_secret);
}
