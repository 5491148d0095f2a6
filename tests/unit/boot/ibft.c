#include "boot/ibft.h"

#include <string.h>

#include "tests/unit/boot/table.h"
#include "tests/unit/unit.h"

static struct table_bytes table;
static struct ibft ibft;
static struct fault fault;

static int load_bios(void **state)
{
    table_load(&table, "ibft-bios-e1000-chap.bin");
    return 0;
}

static void accepts(void)
{
    fault.text[0] = '\0';
    if (ibft_parse(table.at, table.bytes, &ibft, &fault) != 0)
        fail_msg("refused: %s", fault.text);
}

static void refuses(const char *part)
{
    if (ibft_parse(table.at, table.bytes, &ibft, &fault) == 0)
        fail_msg("accepted; expected: %s", part);
    if (!strstr(fault.text, part))
        fail_msg("the line '%s' lacks '%s'", fault.text, part);
    assert_int_equal(ibft.target_count, 0);
    assert_string_equal(ibft.initiator, "");
}

static void check_as_ipxe_wrote_it(const char *file, uint8_t last_of_mac)
{
    table_load(&table, file);
    accepts();
    assert_string_equal(ibft.initiator, "iqn.2026-11.test:guest1");
    assert_int_equal(ibft.nic_count, 1);
    const struct ibft_nic *nic = &ibft.nics[0];
    assert_true(nic->is_boot);
    assert_string_equal(nic->address, "10.0.2.15");
    assert_int_equal(nic->prefix, 24);
    assert_int_equal(nic->origin, IBFT_ORIGIN_DHCP);
    assert_string_equal(nic->gateway, "10.0.2.2");
    assert_string_equal(nic->dns[0], "10.0.2.3");
    assert_string_equal(nic->dns[1], "");
    assert_int_equal(nic->vlan, 0);
    const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, last_of_mac};
    assert_memory_equal(nic->mac, mac, 6);
    assert_string_equal(nic->hostname, "myhost");
    assert_int_equal(ibft.target_count, 1);
    const struct ibft_target *target = &ibft.targets[0];
    assert_string_equal(target->address, "10.0.2.2");
    assert_int_equal(target->port, 3291);
    assert_int_equal(target->lun, 1);
    assert_string_equal(target->name, "iqn.2026-11.test:chap");
    assert_string_equal(target->chap.user, "joe");
    assert_string_equal(target->chap.secret, "secretsecret12");
    assert_string_equal(target->chap.mutual_user, "");
}

static void a_bios_table_of_ipxe(void **state)
{
    check_as_ipxe_wrote_it("ibft-bios-e1000-chap.bin", 0x01);
}

static void a_uefi_table_of_ipxe(void **state)
{
    check_as_ipxe_wrote_it("ibft-efi-virtio-chap.bin", 0x05);
}

static void other_spellings_of_the_signature(void **state)
{
    memcpy(table.at, "IBFT", 4);
    table_fix_checksum(&table);
    accepts();
    memcpy(table.at, "BIFT", 4);
    table_fix_checksum(&table);
    accepts();
    memcpy(table.at, "SSDT", 4);
    table_fix_checksum(&table);
    refuses("does not begin with iBFT");
}

static void what_follows_the_table_is_no_part_of_it(void **state)
{
    memset(table.at + table.bytes, 0xff, 100);
    table.bytes += 100;
    accepts();
}

static void every_cut_is_refused(void **state)
{
    for (size_t bytes = 0; bytes < TABLE_BYTES; bytes++) {
        uint8_t *copy = test_malloc(bytes + 1); /* so that reading too far is seen */
        memcpy(copy, table.at, bytes);
        assert_int_not_equal(ibft_parse(copy, bytes, &ibft, &fault), 0);
        test_free(copy);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    for (size_t bit = 0; bit < TABLE_BYTES * (size_t)8; bit++) {
        table.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(ibft_parse(table.at, table.bytes, &ibft, &fault), 0);
        table.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void a_wrong_checksum_is_said(void **state)
{
    table.at[9]++;
    refuses("checksum is wrong (01 over)");
}

static void lengths_that_cannot_be_true(void **state)
{
    put_le32(table.at + AT_LENGTH, 40);
    refuses("its length of 40 bytes cannot be true");
    put_le32(table.at + AT_LENGTH, 1u << 30);
    refuses("cannot be true");
    put_le32(table.at + AT_LENGTH, TABLE_BYTES + 1);
    refuses("cut short: 584 of 585");
}

static void structures_of_another_length_or_version(void **state)
{
    table_put16(&table, AT_INITIATOR + 2, 75);
    refuses("the initiator says 75 bytes instead of 74");
    load_bios(state);
    table_put16(&table, AT_NIC + 2, 101);
    refuses("the NIC says 101");
    load_bios(state);
    table_put16(&table, AT_TARGET + 2, 0);
    refuses("the target says 0");
    load_bios(state);
    table_put8(&table, AT_CONTROL + 1, 2);
    refuses("version 2");
    load_bios(state);
    table_put16(&table, AT_CONTROL + 2, 17);
    refuses("control structure says 17");
    load_bios(state);
    table_put16(&table, AT_CONTROL + 2, 0xfff0);
    refuses("cut short");
}

static void offsets_outside(void **state)
{
    table_put16(&table, AT_CONTROL + 8, TABLE_BYTES - 73);
    refuses("initiator at offset 511 is outside");
    load_bios(state);
    table_put16(&table, AT_CONTROL + 12, 0xffff);
    refuses("entry at offset 65535 is outside");
    load_bios(state);
    table_put16(&table, AT_CONTROL + 12, 16);
    refuses("unknown id");
    load_bios(state);
    table_put16(&table, AT_CONTROL + 12, AT_INITIATOR);
    refuses("unknown id 2");
}

static void strings_outside(void **state)
{
    table_put16(&table, AT_TARGET + 36, TABLE_BYTES - 20);
    refuses("target's name at offset 564 is outside");
    load_bios(state);
    table_put16(&table, AT_TARGET + 42, 0xffff);
    refuses("CHAP secret at offset 569 is outside");
    load_bios(state);
    table_put16(&table, AT_INITIATOR + 70, 400);
    refuses("outside");
    load_bios(state);
    table_put16(&table, AT_NIC + 100, 8);
    refuses("host's name at offset 8 is outside");
}

static void strings_that_are_no_texts(void **state)
{
    table_put8(&table, 0x239 + 3, '\n');
    refuses("CHAP secret contains a control character");
    load_bios(state);
    table_put16(&table, AT_TARGET + 34, 240);
    table_put16(&table, AT_TARGET + 36, 0x100);
    refuses("target's name is longer than 223 bytes");
    load_bios(state);
    memcpy(table.at + 0x21f, "foo", 3);
    table_fix_checksum(&table);
    refuses("is no iSCSI name");
}

static void a_closing_nul_that_was_counted_is_cut(void **state)
{
    table_put16(&table, AT_TARGET + 34, 22);
    accepts();
    assert_string_equal(ibft.targets[0].name, "iqn.2026-11.test:chap");
}

static void luns_that_the_session_does_not_speak(void **state)
{
    put_be16(table.at + AT_TARGET + 24, 0x4123);
    table_fix_checksum(&table);
    accepts();
    assert_int_equal(ibft.targets[0].lun, 0x123);
    table_put8(&table, AT_TARGET + 24 + 3, 7);
    refuses("behind a second level");
    load_bios(state);
    put_be16(table.at + AT_TARGET + 24, 0x0100);
    table_fix_checksum(&table);
    refuses("neither a number below 256 nor flat");
}

static void mutual_chap(void **state)
{
    table_put8(&table, AT_TARGET + 32, 2);
    memcpy(table.at + AT_TARGET + 46, table.at + AT_TARGET + 38, 4); /* joe again */
    table_put8(&table, AT_TARGET + 50, 0);
    accepts();
    assert_string_equal(ibft.targets[0].chap.mutual_user, "joe");
    assert_string_equal(ibft.targets[0].chap.mutual_secret, "");
    table_put8(&table, AT_TARGET + 32, 3);
    refuses("CHAP type 3");
    table_put8(&table, AT_TARGET + 32, 0);
    accepts();
    assert_string_equal(ibft.targets[0].chap.user, "");
    assert_string_equal(ibft.targets[0].chap.secret, "");
}

static void numbers_that_cannot_be_true(void **state)
{
    table_put8(&table, AT_NIC + 22, 33);
    refuses("prefix of 33 bits");
    load_bios(state);
    table_put16(&table, AT_NIC + 88, 4095);
    refuses("VLAN 4095");
    load_bios(state);
    memset(table.at + AT_TARGET + 6, 0, 16);
    table_fix_checksum(&table);
    refuses("iqn.2026-11.test:chap has no address");
}

static void an_ipv6_target(void **state)
{
    const uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
    memcpy(table.at + AT_TARGET + 6, address, 16);
    table_fix_checksum(&table);
    accepts();
    assert_string_equal(ibft.targets[0].address, "2001:db8::7");
}

static void entries_marked_invalid_are_left_out(void **state)
{
    struct boot_facts facts = {0};
    table_put8(&table, AT_TARGET + 5, 0);
    table_put8(&table, AT_NIC + 5, 0);
    table_put8(&table, AT_INITIATOR + 5, 0);
    accepts();
    assert_int_equal(ibft.target_count + ibft.nic_count, 0);
    assert_string_equal(ibft.initiator, "");
    assert_int_not_equal(ibft_take_facts(&ibft, &facts, &fault), 0);
    assert_non_null(strstr(fault.text, "the iBFT names no target"));
    assert_null(ibft_boot_nic(&ibft));
}

/* The second target's slot of the control structure, as a copy of the first elsewhere. */
static void add_target(uint8_t flags, uint32_t lun, uint8_t last_of_address)
{
    size_t at = table.bytes;
    memcpy(table.at + at, table.at + AT_TARGET, 54);
    table.at[at + 4] = 1;
    table.at[at + 5] = flags;
    table.at[at + 21] = last_of_address;
    table.at[at + 25] = (uint8_t)lun;
    table.bytes += 64;
    put_le32(table.at + AT_LENGTH, (uint32_t)table.bytes);
    table_put16(&table, AT_CONTROL + 16, (uint16_t)at);
}

static void the_same_lun_twice_is_one_with_two_portals(void **state)
{
    struct boot_facts facts = {0};
    add_target(3, 1, 77);
    accepts();
    assert_int_equal(ibft.target_count, 2);
    assert_int_equal(ibft_take_facts(&ibft, &facts, &fault), 0);
    assert_int_equal(facts.lun.portal_count, 2);
    assert_string_equal(facts.lun.portals[0].host, "10.0.2.2");
    assert_string_equal(facts.lun.portals[1].host, "10.0.2.77");
    assert_string_equal(facts.initiator, "iqn.2026-11.test:guest1");
    assert_string_equal(facts.chap.secret, "secretsecret12");
}

static void the_target_booted_from_wins(void **state)
{
    struct boot_facts facts = {0};
    add_target(3, 5, 77);
    table_put8(&table, AT_TARGET + 5, 1); /* valid, and not booted from */
    accepts();
    assert_int_equal(ibft_take_facts(&ibft, &facts, &fault), 0);
    assert_int_equal(facts.lun.lun, 5);
    assert_int_equal(facts.lun.portal_count, 1);
    assert_string_equal(facts.lun.portals[0].host, "10.0.2.77");
}

static void a_port_of_zero_is_the_usual_one(void **state)
{
    struct boot_facts facts = {0};
    table_put16(&table, AT_TARGET + 22, 0);
    accepts();
    assert_int_equal(ibft_take_facts(&ibft, &facts, &fault), 0);
    assert_int_equal(facts.lun.portals[0].port, 3260);
}

static void the_nic_is_that_of_the_target(void **state)
{
    size_t at = table.bytes;
    memcpy(table.at + at, table.at + AT_NIC, 102);
    table.at[at + 4] = 1;
    table.at[at + 21] = 99; /* 10.0.2.99 */
    table.bytes += 112;
    put_le32(table.at + AT_LENGTH, (uint32_t)table.bytes);
    table_put16(&table, AT_CONTROL + 14, (uint16_t)at);
    table_put8(&table, AT_TARGET + 33, 1);
    accepts();
    assert_string_equal(ibft_boot_nic(&ibft)->address, "10.0.2.99");
}

static void a_table_in_memory_is_known_by_its_head(void **state)
{
    assert_int_equal(ibft_length_at(table.at), TABLE_BYTES);
    put_le32(table.at + AT_LENGTH, 47);
    assert_int_equal(ibft_length_at(table.at), 0);
    put_le32(table.at + AT_LENGTH, 65537);
    assert_int_equal(ibft_length_at(table.at), 0);
    assert_int_equal(ibft_length_at("RSD PTR "), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bios_table_of_ipxe),
        cmocka_unit_test(a_uefi_table_of_ipxe),
        cmocka_unit_test_setup(other_spellings_of_the_signature, load_bios),
        cmocka_unit_test_setup(what_follows_the_table_is_no_part_of_it, load_bios),
        cmocka_unit_test_setup(every_cut_is_refused, load_bios),
        cmocka_unit_test_setup(every_flipped_bit_is_refused, load_bios),
        cmocka_unit_test_setup(a_wrong_checksum_is_said, load_bios),
        cmocka_unit_test_setup(lengths_that_cannot_be_true, load_bios),
        cmocka_unit_test_setup(structures_of_another_length_or_version, load_bios),
        cmocka_unit_test_setup(offsets_outside, load_bios),
        cmocka_unit_test_setup(strings_outside, load_bios),
        cmocka_unit_test_setup(strings_that_are_no_texts, load_bios),
        cmocka_unit_test_setup(a_closing_nul_that_was_counted_is_cut, load_bios),
        cmocka_unit_test_setup(luns_that_the_session_does_not_speak, load_bios),
        cmocka_unit_test_setup(mutual_chap, load_bios),
        cmocka_unit_test_setup(numbers_that_cannot_be_true, load_bios),
        cmocka_unit_test_setup(an_ipv6_target, load_bios),
        cmocka_unit_test_setup(entries_marked_invalid_are_left_out, load_bios),
        cmocka_unit_test_setup(the_same_lun_twice_is_one_with_two_portals, load_bios),
        cmocka_unit_test_setup(the_target_booted_from_wins, load_bios),
        cmocka_unit_test_setup(a_port_of_zero_is_the_usual_one, load_bios),
        cmocka_unit_test_setup(the_nic_is_that_of_the_target, load_bios),
        cmocka_unit_test_setup(a_table_in_memory_is_known_by_its_head, load_bios),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
