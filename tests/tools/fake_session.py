"""One iSCSI connection of the fake target (RFC 7143): login, commands, and the faults in them."""

import hashlib
import os
import socket
import struct
import threading

import fake_lun

BURST = 256 * 1024

LOGIN_STAGE_SECURITY, LOGIN_STAGE_OPERATIONAL, LOGIN_STAGE_FULL = 0, 1, 3
PING_TAG = 0x50494e47


class Closed(Exception):
    """The connection is over; not an error of ours."""


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xffffffff)


def keys_of(data):
    pairs = (item.partition("=") for item in data.decode("ascii", "replace").split("\0") if item)
    return {key: value for key, _, value in pairs}


def text_of(keys):
    return b"".join(f"{key}={value}".encode() + b"\0" for key, value in keys.items())


class Write:
    """A WRITE whose data are still coming."""

    def __init__(self, cdb, lun, expected, data):
        self.cdb = cdb
        self.lun = lun
        self.expected = expected
        self.data = data
        self.asked = len(data)
        self.r2t_count = 0


class Session(threading.Thread):
    def __init__(self, target, sock):
        super().__init__(daemon=True)
        self.target = target
        self.sock = sock
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send_lock = threading.Lock()
        self.digest = False
        self.logged_in = False
        self.discovery = False
        self.isid = b""
        self.stat_sn = 1
        self.exp_cmd_sn = 0
        self.initiator_max_data = 8192
        self.writes = {}
        self.unit_attentions = [(6, 0x29, 0x00)]
        self.challenge = b""

    def run(self):
        try:
            self.log("connected")
            self.login()
            while True:
                self.one_pdu()
        except (Closed, OSError) as e:
            self.log(f"closed {e}".strip())
        finally:
            self.target.forget(self)
            self.sock.close()

    def log(self, text):
        self.target.log(f"[{self.name}] {text}")

    def hang_up(self):
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    # Bytes.
    def receive(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise Closed("by the initiator")
            data += piece
        return bytes(data)

    def receive_pdu(self):
        header = self.receive(48)
        if self.digest and self.receive(4) != crc32c(header):
            raise Closed("header digest wrong")
        self.receive(header[4] * 4)
        length = int.from_bytes(header[5:8], "big")
        return header, self.receive(length + -length % 4)[:length]

    def send_pdu(self, opcode, flags, itt, fields=b"", data=b"", lun=bytes(8), advance=True,
                 bytes23=b"\0\0"):
        """fields: the bytes from 20 on, where StatSN, ExpCmdSN and MaxCmdSN (24..35) are ours."""
        fields = fields.ljust(28, b"\0")
        with self.send_lock:
            numbers = struct.pack(">III", self.stat_sn, self.exp_cmd_sn, self.exp_cmd_sn + 127)
            header = (bytes([opcode, flags]) + bytes23 + struct.pack(">I", len(data)) + lun +
                      struct.pack(">I", itt) + fields[:4] + numbers + fields[16:])
            digest = crc32c(header) if self.digest else b""
            self.sock.sendall(header + digest + data + bytes(-len(data) % 4))
            if advance:
                self.stat_sn = (self.stat_sn + 1) & 0xffffffff

    # Login.
    def login_reply(self, header, keys, transit=None, stage=None, next_stage=None, status=0):
        flags = header[1]
        transit = bool(flags & 0x80) if transit is None else transit
        stage = flags >> 2 & 3 if stage is None else stage
        next_stage = flags & 3 if next_stage is None else next_stage
        done = transit and next_stage == LOGIN_STAGE_FULL and status == 0
        isid_tsih = header[8:14] + (b"\0\1" if done else header[14:16])
        self.send_pdu(0x23, (0x80 | next_stage if transit else 0) | stage << 2,
                      struct.unpack_from(">I", header, 16)[0],
                      bytes(16) + struct.pack(">H", status), text_of(keys), lun=isid_tsih)
        if status:
            raise Closed(f"login refused with {status:#06x}")
        return done

    def login(self):
        seen = {}
        while True:
            header, data = self.receive_pdu()
            if header[0] & 0x3f != 0x03:
                raise Closed("not a login")
            if self.target.fault("close-in-login"):
                raise Closed("fault close-in-login")
            self.exp_cmd_sn = struct.unpack_from(">I", header, 24)[0]
            keys = keys_of(data)
            seen.update(keys)
            if self.login_step(header, keys, seen):
                break
        self.isid = header[8:14]
        self.digest = seen.get("HeaderDigest chosen") == "CRC32C"
        self.initiator_max_data = int(seen.get("MaxRecvDataSegmentLength", 8192))
        self.discovery = seen.get("SessionType") == "Discovery"
        self.logged_in = True
        self.target.logged_in(self)
        self.log(f"logged in, ISID {self.isid.hex()}")

    def login_step(self, header, keys, seen):
        status = self.target.fault("login-status")
        if status:
            return self.login_reply(header, {}, status=int(status, 0))
        wanted = seen.get("TargetName")
        if wanted is not None and wanted != self.target.name:
            return self.login_reply(header, {}, status=0x0203)
        if self.target.fault("chap-skip"):
            answers = self.negotiate(keys, seen)
            return self.login_reply(header, answers, True, LOGIN_STAGE_OPERATIONAL,
                                    LOGIN_STAGE_FULL)
        if header[1] >> 2 & 3 == LOGIN_STAGE_SECURITY:
            return self.login_security(header, keys, seen)
        if self.target.account and "CHAP passed" not in seen:
            return self.login_reply(header, {}, status=0x0201)
        return self.login_reply(header, self.negotiate(keys, seen))

    def login_security(self, header, keys, seen):
        answers = {}
        if self.target.account is None:
            if "AuthMethod" in keys:
                answers["AuthMethod"] = "None"
            answers.update(self.negotiate(keys, seen))
            return self.login_reply(header, answers)
        if "CHAP_R" in keys:
            user, secret = self.target.account
            if keys.get("CHAP_N") != user or not self.chap_matches(keys["CHAP_R"], secret):
                return self.login_reply(header, {}, status=0x0201)
            seen["CHAP passed"] = ""
            if "CHAP_C" in keys and self.target.mutual is not None:
                answers = self.chap_answer(keys)
            return self.login_reply(header, answers)
        if "CHAP_A" in keys:
            self.challenge = os.urandom(16)
            answers = {"CHAP_A": "5", "CHAP_I": "7", "CHAP_C": "0x" + self.challenge.hex()}
        elif "CHAP" in keys.get("AuthMethod", "").split(","):
            answers = {"AuthMethod": "CHAP"}
        else:
            return self.login_reply(header, {}, status=0x0201)
        return self.login_reply(header, answers, transit=False)

    def chap_matches(self, response, secret):
        expected = hashlib.md5(b"\7" + secret.encode() + self.challenge).hexdigest()
        return response.lower() == "0x" + expected

    def chap_answer(self, keys):
        user, secret = self.target.mutual
        if self.target.fault("chap-wrong-mutual"):
            secret += "x"
        number = int(keys["CHAP_I"], 0)
        challenge = bytes.fromhex(keys["CHAP_C"][2:])
        digest = hashlib.md5(bytes([number]) + secret.encode() + challenge).hexdigest()
        return {"CHAP_N": user, "CHAP_R": "0x" + digest}

    def negotiate(self, keys, seen):
        target = self.target
        answers = {}
        if "HeaderDigest" in keys and not target.fault("no-header-digest"):
            offered = keys["HeaderDigest"].split(",")
            choice = "CRC32C" if "CRC32C" in offered and target.digest else "None"
            choice = choice if choice in offered else offered[0]
            answers["HeaderDigest"] = seen["HeaderDigest chosen"] = choice
        fixed = {"DataDigest": "None", "InitialR2T": "Yes", "ImmediateData": target.immediate,
                 "MaxOutstandingR2T": "1", "MaxConnections": "1", "ErrorRecoveryLevel": "0",
                 "DataPDUInOrder": "Yes", "DataSequenceInOrder": "Yes", "DefaultTime2Wait": "0",
                 "DefaultTime2Retain": "0", "IFMarker": "No", "OFMarker": "No"}
        answers.update({key: value for key, value in fixed.items() if key in keys})
        for key, limit in (("MaxBurstLength", BURST), ("FirstBurstLength", target.first_burst)):
            if key in keys:
                answers[key] = str(min(int(keys[key]), limit))
        if "MaxRecvDataSegmentLength" in keys:
            answers["MaxRecvDataSegmentLength"] = str(target.max_data)
        if "TargetName" in keys:
            answers["TargetPortalGroupTag"] = "1"
        return answers

    # Full feature phase.
    def one_pdu(self):
        header, data = self.receive_pdu()
        opcode = header[0] & 0x3f
        itt, ttt, cmd_sn = struct.unpack_from(">III", header, 16)
        if not header[0] & 0x40 and opcode != 0x05:
            self.exp_cmd_sn = (cmd_sn + 1) & 0xffffffff
        handler = {0x00: self.nop, 0x01: self.command, 0x02: self.task_management,
                   0x04: self.text, 0x05: self.data_out, 0x06: self.logout}.get(opcode)
        if handler is None:
            raise Closed(f"opcode {opcode:#04x} makes no sense")
        handler(header, data, itt)

    def nop(self, header, data, itt):
        if itt == 0xffffffff:
            self.target.counts["pongs"] += 1
        elif not self.target.fault("silent", "nop"):
            self.send_pdu(0x20, 0x80, itt, b"\xff\xff\xff\xff", data)

    def ping(self):
        with_tag = struct.pack(">I", PING_TAG)
        self.target.counts["pings"] += 1
        self.send_pdu(0x20, 0x80, 0xffffffff, with_tag, advance=False)

    def ask_for_logout(self):
        self.send_pdu(0x32, 0x80, 0xffffffff, bytes(16) + struct.pack(">BBHHH", 1, 0, 0, 10, 2))

    def text(self, header, data, itt):
        answers = {}
        if "SendTargets" in keys_of(data):
            answers = {"TargetName": self.target.name,
                       "TargetAddress": f"{self.target.address_text()},1"}
        self.send_pdu(0x24, 0x80, itt, b"\xff\xff\xff\xff", text_of(answers))

    def logout(self, header, data, itt):
        self.send_pdu(0x26, 0x80, itt)
        raise Closed("logged out")

    def task_management(self, header, data, itt):
        function = header[1] & 0x7f
        self.log(f"task management {function}")
        self.target.counts["tmf"] += 1
        if self.target.fault("silent", "tmf"):
            return
        response = int(self.target.fault("tmf-response") or "0", 0)
        if function in (5, 6) and response == 0:
            self.writes.clear()
            self.unit_attentions.append((6, 0x29, 0x03))
        self.send_pdu(0x22, 0x80, itt, bytes23=bytes([response, 0]))

    def command(self, header, data, itt):
        lun = header[8:16]
        cdb = header[32:48]
        expected = struct.unpack_from(">I", header, 20)[0]
        if header[1] & 0x20 and len(data) < expected:
            write = Write(cdb, lun, expected, bytearray(data))
            self.writes[itt] = write
            self.ask_for_data(itt, write)
        else:
            self.execute(itt, cdb, lun, expected, data)

    def ask_for_data(self, itt, write):
        length = min(write.expected - write.asked, BURST)
        offset, tag = write.asked, itt
        if self.target.fault("r2t-offset", "write"):
            offset = write.expected + 4096
        if self.target.fault("r2t-huge", "write"):
            length = 0x7ffffff0
        if self.target.fault("r2t-unknown", "write"):
            tag = 0x12345678
        fields = struct.pack(">I12xIII", itt, write.r2t_count, offset, length)
        write.r2t_count += 1
        write.asked += length
        self.send_pdu(0x31, 0x80, tag, fields, lun=write.lun, advance=False)

    def data_out(self, header, data, itt):
        write = self.writes.get(itt)
        if write is None:
            return
        offset = struct.unpack_from(">I", header, 40)[0]
        if offset != len(write.data):
            raise Closed(f"Data-Out at {offset}, expected {len(write.data)}")
        write.data += data
        if len(write.data) >= write.expected:
            del self.writes[itt]
            self.execute(itt, write.cdb, write.lun, write.expected, bytes(write.data))
        elif header[1] & 0x80:
            self.ask_for_data(itt, write)

    def execute(self, itt, cdb, lun, expected, out):
        target = self.target
        op = target.op_name(cdb)
        target.delay(op)
        if target.fault("close", op):
            raise Closed("fault close")
        if target.fault("silent", op):
            return
        if target.fault("async-logout", op):
            self.ask_for_logout()
            return
        answer = self.status_fault(op) or self.unit_attention(cdb) or self.wrong_lun(cdb, lun)
        if answer is None and target.fault("response", op):
            self.send_response(itt, expected, fake_lun.Answer(), response=1)
            return
        if answer is None:
            answer = target.lun.run(cdb, out)
        if target.fault("close-after", op):
            raise Closed("fault close-after: carried out, not answered")
        if target.fault("silent-after", op):
            return
        self.answer(itt, cdb, op, expected, answer, bool(out))

    def status_fault(self, op):
        target = self.target
        for name, status in (("busy", fake_lun.BUSY), ("task-set-full", fake_lun.TASK_SET_FULL),
                             ("reservation-conflict", fake_lun.RESERVATION_CONFLICT),
                             ("task-aborted", 0x40), ("no-sense", fake_lun.CHECK_CONDITION)):
            if target.fault(name, op):
                return fake_lun.Answer(status=status)
        text = target.fault("sense", op)
        if text:
            return fake_lun.check(*(int(part, 16) for part in text.split("/")))
        if target.fault("deferred-error", op):
            late = bytearray(fake_lun.sense_bytes((3, 0x0c, 0)))
            late[0] = 0x71
            return fake_lun.Answer(status=fake_lun.CHECK_CONDITION, sense=late)
        return None

    def unit_attention(self, cdb):
        if not self.unit_attentions or cdb[0] in (0x03, 0x12, 0xa0):
            return None
        return fake_lun.check(*self.unit_attentions.pop(0))

    def wrong_lun(self, cdb, lun):
        number = struct.unpack_from(">H", lun)[0]
        wanted = self.target.lun.number
        if number == (wanted if wanted < 256 else 0x4000 | wanted) or cdb[0] == 0xa0:
            return None
        if cdb[0] == 0x12:
            return fake_lun.Answer(bytes([0x7f, 0, 6, 2, 31, 0, 0, 2]) + bytes(28))
        return fake_lun.check(5, 0x25, 0)

    def answer(self, itt, cdb, op, expected, answer, is_write):
        data = answer.data
        room = self.target.lun.allocation_length(cdb)
        if room is not None:
            data = data[:room]
        if answer.status != fake_lun.GOOD or is_write or not expected:
            self.send_response(itt, expected, answer, moved=expected if is_write else 0)
            return
        flagged = True
        if self.target.fault("short-residual", op):
            data = data[:len(data) // 2]
        elif self.target.fault("short-silent", op):
            data, flagged = data[:len(data) // 2], False
        self.send_data(itt, data[:expected], expected, flagged)

    def send_data(self, itt, data, expected, flagged):
        step = min(self.initiator_max_data, BURST)
        pieces = [data[at:at + step] for at in range(0, len(data), step)] or [b""]
        missing = expected - len(data) if flagged else 0
        offset = 0
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            flags = (0x81 | (0x02 if missing else 0)) if last else 0
            fields = struct.pack(">I12xIII", 0xffffffff, number, offset, missing if last else 0)
            self.send_pdu(0x25, flags, itt, fields, piece, advance=last)
            offset += len(piece)

    def send_response(self, itt, expected, answer, response=0, moved=0):
        data = b""
        if answer.sense is not None:
            sense = fake_lun.sense_bytes(answer.sense)
            data = struct.pack(">H", len(sense)) + sense
        missing = 0 if response else expected - moved
        flags = 0x80 | (0x02 if missing else 0)
        self.send_pdu(0x21, flags, itt, bytes(24) + struct.pack(">I", missing), data,
                      bytes23=bytes([response, answer.status]))
