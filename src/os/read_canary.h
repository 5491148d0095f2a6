/*
 * Notices a READ that answers GOOD without having sent all of its data.
 *
 * libiscsi reads straight into the caller's buffers and does not tell how many bytes came; a
 * target that sends too few and sets no residual looks perfect, and the buffer keeps what it held
 * before (trap T8). So a random number is planted at the end of every page of the buffer before
 * the READ is sent. Where it is still there afterwards, no data came; that real data look like it
 * has a chance of 2^-64 and costs one more READ.
 */
#ifndef OS_READ_CANARY_H
#define OS_READ_CANARY_H

#include <stdint.h>
#include <sys/uio.h>

void read_canary_plant(const struct iovec *iov, int iov_count, uint64_t canary);

/* Bytes of the pieces whose canary was not overwritten; 0 when all data came. */
uint32_t read_canary_missing(const struct iovec *iov, int iov_count, uint64_t canary);

#endif
