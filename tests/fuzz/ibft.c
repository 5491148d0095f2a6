/*
 * The iBFT as firmware may write it. The checksum is mended first, or hardly an input would get
 * past it; what is accepted has to be within its own bounds.
 */
#include "boot/ibft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "boot/boot_network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void mend(uint8_t *table, size_t bytes)
{
    uint8_t sum = 0;
    if (bytes < IBFT_HEADER_BYTES)
        return;
    uint32_t length = get_le32(table + 4);
    if (length > bytes)
        return;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + table[i]);
    table[9] = (uint8_t)(table[9] - sum);
}

static void check(const struct ibft *ibft)
{
    static struct boot_facts facts;
    struct fault fault;
    char text[BOOT_NETWORK_BYTES];
    assert(ibft->nic_count <= IBFT_NICS && ibft->target_count <= IBFT_TARGETS);
    assert(strlen(ibft->initiator) < URL_TARGET_BYTES);
    for (unsigned i = 0; i < ibft->target_count; i++) {
        assert(url_check_name(ibft->targets[i].name, &fault) == 0);
        assert(ibft->targets[i].lun <= URL_LUN_MAX);
        assert(*ibft->targets[i].address);
    }
    if (ibft_take_facts(ibft, &facts, &fault) == 0)
        assert(facts.lun.portal_count >= 1 && facts.lun.portal_count <= URL_PORTALS);
    const struct ibft_nic *nic = ibft_boot_nic(ibft);
    if (!nic)
        return;
    boot_network_print(nic, text, sizeof text);
    for (const char *c = text; *c; c++) /* a shell reads it */
        assert(!strchr("\"`$\\;&|<>()", *c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct ibft ibft;
    struct fault fault;
    uint8_t *table = malloc(bytes + 1); /* of its own, so that reading too far is seen */
    if (!table)
        return 0;
    memcpy(table, data, bytes);
    mend(table, bytes);
    if (bytes >= 8)
        (void)ibft_length_at(table);
    if (ibft_parse(table, bytes, &ibft, &fault) == 0)
        check(&ibft);
    free(table);
    return 0;
}
