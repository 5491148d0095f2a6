/*
 * CRC32C (Castagnoli, RFC 3720 appendix B.4), as iSCSI digests and the journal use it.
 *
 * The only place that knows which library computes it.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of `bytes` bytes. `seed` is 0 for the standard checksum, or an earlier result to go
 * on from: crc32c(crc32c(0, a), b) == crc32c(0, a b).
 */
uint32_t crc32c(uint32_t seed, const void *data, size_t bytes);

#endif
