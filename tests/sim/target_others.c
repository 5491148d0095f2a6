/* Other initiators that use the LUN, too: they write to it, or reserve it (SPC-4 5.13). */
#include "base/bytes.h"
#include "tests/sim/target.h"

#define HOLDER UINT64_C(0x0123456789abcdef)

#define STATUS_RESERVATION_CONFLICT 0x18

void target_foreign_write(struct target *target, uint64_t lba, const uint8_t *data)
{
    TRACE(target->world, "target: another initiator writes block %llu", (unsigned long long)lba);
    media_write(&target->media, lba, data, true, true);
}

void target_reserve(struct target *target, bool reserved)
{
    if (target->reserved == reserved)
        return;
    TRACE(target->world, "target: %s", reserved ? "reserved by another initiator" : "released");
    target->reserved = reserved;
    target->was_reserved = true;
}

bool scsi_changes(uint8_t opcode)
{
    switch (opcode) {
    case 0x8a: /* WRITE(16) */
    case 0x91: /* SYNCHRONIZE CACHE(16) */
    case 0x42: /* UNMAP */
    case 0x93: /* WRITE SAME(16) */
        return true;
    default:
        return false;
    }
}

bool scsi_meets_conflict(struct message *message)
{
    const struct target *target = message->target;
    bool is_read = message->cdb[0] == 0x88;
    bool conflicts =
        scsi_changes(message->cdb[0]) || (is_read && target->options->reserved_exclusively);
    if (!target->reserved || !conflicts)
        return false;
    scsi_status(message, STATUS_RESERVATION_CONFLICT);
    return true;
}

/* Once the initiator knows of a conflict, it changes nothing any more (O14). */
void target_is_sent(struct target *target, uint8_t opcode)
{
    if (target->conflict_told && scsi_changes(opcode))
        world_fail(target->world, "O14 command %02x after a RESERVATION CONFLICT", opcode);
}

void target_has_told(struct target *target, uint8_t status)
{
    target->conflict_told |= status == STATUS_RESERVATION_CONFLICT;
}

void scsi_read_reservation(struct message *message)
{
    uint8_t data[24] = {0};
    if (message->target->reserved) {
        put_be32(data + 4, 16);
        put_be64(data + 8, HOLDER);
    }
    scsi_reply(message, data, message->target->reserved ? 24 : 8, get_be16(message->cdb + 7));
}
