/* Command descriptor blocks, as the session sends them (SPC-4, SBC-3). */
#ifndef SESSION_CDB_H
#define SESSION_CDB_H

#include <stdbool.h>
#include <stdint.h>

#define CDB_BYTES             16u
#define CDB_UNMAP_BYTES       24u /* parameter list with one descriptor */
#define CDB_RESERVATION_BYTES 24u /* what cdb_read_reservation() asks for */

/*
 * Each writes all CDB_BYTES of `cdb` (zeros behind its end) and returns the length of the CDB.
 * Ranges are in logical blocks; the caller has checked them.
 */
uint8_t cdb_test_unit_ready(uint8_t *cdb);
uint8_t cdb_inquiry(uint8_t *cdb, uint8_t allocation);
uint8_t cdb_vital_product_data(uint8_t *cdb, uint8_t page, uint8_t allocation);
uint8_t cdb_read_capacity10(uint8_t *cdb);
uint8_t cdb_read_capacity16(uint8_t *cdb, uint32_t allocation);
uint8_t cdb_mode_sense6(uint8_t *cdb, uint8_t page, uint8_t allocation);
uint8_t cdb_mode_sense10(uint8_t *cdb, uint8_t page, uint16_t allocation);
uint8_t cdb_read_reservation(uint8_t *cdb);
uint8_t cdb_read16(uint8_t *cdb, uint64_t lba, uint32_t blocks);
uint8_t cdb_write16(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua);
/* The whole LUN, IMMED = 0: the answer comes when the cache is on the medium. */
uint8_t cdb_synchronize_cache10(uint8_t *cdb);
uint8_t cdb_synchronize_cache16(uint8_t *cdb);
uint8_t cdb_write_same16(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool unmap);
uint8_t cdb_get_lba_status(uint8_t *cdb, uint64_t lba, uint32_t allocation);
uint8_t cdb_unmap(uint8_t *cdb);
/* The parameter list that follows cdb_unmap(); fills CDB_UNMAP_BYTES. */
void cdb_unmap_parameters(uint8_t *parameters, uint64_t lba, uint32_t blocks);

#endif
