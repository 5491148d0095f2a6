/* Whether the volume's clients take one step at a time, or many at once: see vol_is_calm() and
 * vol_rest_us(). */
#include "base/checked.h"
#include "volume/internal.h"

#define FEW        1u  /* others inside: a write and its FLUSH may overlap */
#define CALM_AFTER 16u /* requests in a row */
#define MANY       16u /* as many as that keep a target busy while some of them wait for us */
#define REST_SHARE 16u /* of what a command takes */
/* Larger ones cost more to carry than to be woken up for, and the socket is full meanwhile. */
#define SMALL_BYTES (32u * 1024)

void vol_note_arrival(struct volume *volume, uint64_t bytes)
{
    volume->usual_bytes =
        average_with(volume->usual_bytes, (uint32_t)min_u64(bytes, VOL_TRANSFER_MAX));
    bool lone = vol_unanswered(volume) <= FEW;
    volume->lone_count = lone ? (unsigned)min_u64(volume->lone_count + 1, CALM_AFTER) : 0;
}

bool vol_is_calm(const struct volume *volume)
{
    return volume->lone_count == CALM_AFTER && vol_unanswered(volume) <= FEW + 1 &&
           !(volume->journal && jnl_is_syncing(volume->journal));
}

bool vol_is_empty(const struct volume *volume)
{
    return vol_unanswered(volume) == 0;
}

uint32_t vol_rest_us(const struct volume *volume)
{
    if (vol_unanswered(volume) < MANY || volume->usual_bytes > SMALL_BYTES ||
        (volume->journal && jnl_is_writing(volume->journal)))
        return 0;
    return ses_service_us(volume->session) / REST_SHARE;
}
