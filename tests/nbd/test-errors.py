#!/usr/bin/python3
"""libnbd, told not to be strict, sends each kind of broken request; proto.md says the answers."""

import errno
import os
import subprocess
import sys
import tempfile

try:
    import nbd
except ImportError:
    print("needs python3-libnbd")
    sys.exit(77)

SIZE = 16 << 20
MIB = 1 << 20


class Server:
    """memory_nbd with some options, as a context; connect() gives handles."""

    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="holdfast-nbd-")
        self.path = os.path.join(self.folder.name, "nbd.sock")
        self.process = subprocess.Popen(
            [os.environ["MEMORY_NBD"], "--listen", f"unix:{self.path}", "--size", str(SIZE),
             *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().startswith("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(10) == 0, "the server did not stop cleanly"
        self.folder.cleanup()

    def connect(self, structured=True, contexts=("base:allocation",)):
        handle = nbd.NBD()
        handle.set_strict_mode(0)
        handle.set_request_structured_replies(structured)
        for context in contexts if structured else ():
            handle.add_meta_context(context)
        handle.connect_unix(self.path)
        return handle


def expect(error, call, *arguments):
    """The call fails with this errno, and the connection is as good as before."""
    try:
        call(*arguments)
    except nbd.Error as failure:
        assert failure.errno == errno.errorcode[error], \
            f"{call.__name__}{arguments[1:]}: {failure.errno}, not {errno.errorcode[error]}"
        return
    raise AssertionError(f"{call.__name__}{arguments[1:]} was not refused")


def nothing(*_):
    return 0


def broken_requests(handle):
    unknown = 1 << 10
    data = b"x" * 512
    # beyond the end
    expect(errno.EINVAL, handle.pread, 512, SIZE)
    expect(errno.EINVAL, handle.pread, 1024, SIZE - 512)
    expect(errno.ENOSPC, handle.pwrite, data, SIZE)
    expect(errno.ENOSPC, handle.pwrite, data + data, SIZE - 512)
    expect(errno.ENOSPC, handle.zero, 1024, SIZE - 512)
    expect(errno.EINVAL, handle.trim, 1024, SIZE - 512)
    expect(errno.EINVAL, handle.cache, 1024, SIZE - 512)
    expect(errno.EINVAL, handle.pread, 512, (1 << 63) - 256)
    expect(errno.ENOSPC, handle.pwrite, data, (1 << 63) - 256)
    # unknown flags, and known ones on the wrong command
    for flag in (unknown, nbd.CMD_FLAG_NO_HOLE, nbd.CMD_FLAG_REQ_ONE, nbd.CMD_FLAG_FAST_ZERO):
        expect(errno.EINVAL, handle.pread, 512, 0, flag)
        expect(errno.EINVAL, handle.pwrite, data, 0, flag)
        expect(errno.EINVAL, handle.trim, 512, 0, flag)
        expect(errno.EINVAL, handle.cache, 512, 0, flag)
        expect(errno.EINVAL, handle.flush, flag)
    expect(errno.EINVAL, handle.zero, 512, 0, nbd.CMD_FLAG_DF)
    expect(errno.EINVAL, handle.zero, 512, 0, unknown)
    # no length
    expect(errno.EINVAL, handle.pread, 0, 0)
    expect(errno.EINVAL, handle.pwrite, b"", 0)
    expect(errno.EINVAL, handle.trim, 0, 0)
    expect(errno.EINVAL, handle.zero, 0, 0)


def good_requests(handle):
    """FUA may stand on every command; payloads up to 32 MiB pass (the disk is smaller)."""
    handle.pwrite(b"y" * 512, 1000, nbd.CMD_FLAG_FUA)
    assert handle.pread(512, 1000, nbd.CMD_FLAG_FUA) == b"y" * 512
    handle.flush(nbd.CMD_FLAG_FUA)
    handle.cache(512, 0, nbd.CMD_FLAG_FUA)
    handle.trim(512, 512, nbd.CMD_FLAG_FUA)
    handle.zero(512, 512, nbd.CMD_FLAG_FUA | nbd.CMD_FLAG_NO_HOLE | nbd.CMD_FLAG_FAST_ZERO)
    everything = os.urandom(SIZE - 8)
    handle.pwrite(everything, 3)
    assert handle.pread(SIZE - 8, 3) == everything


def test_requests():
    with Server() as server:
        for structured in (True, False):
            handle = server.connect(structured)
            broken_requests(handle)
            good_requests(handle)
            broken_requests(handle)
            if structured:
                expect(errno.EINVAL, handle.block_status, 1024, SIZE - 512, nothing)
                expect(errno.EINVAL, handle.block_status, 0, 0, nothing)
                expect(errno.EINVAL, handle.block_status, 512, 0, nothing, 1 << 10)
                handle.pread_structured(MIB, 0, nothing, nbd.CMD_FLAG_DF)
                expect(errno.EOVERFLOW, handle.pread_structured, 2 * MIB, 0, nothing,
                       nbd.CMD_FLAG_DF)
            else:
                expect(errno.EINVAL, handle.pread, 512, 0, nbd.CMD_FLAG_DF)
            handle.shutdown()


def test_block_status_without_a_context():
    with Server() as server:
        handle = server.connect(contexts=())
        expect(errno.EINVAL, handle.block_status, 512, 0, nothing)
        handle.shutdown()


def test_read_only():
    with Server("--read-only") as server:
        handle = server.connect()
        assert handle.is_read_only()
        expect(errno.EPERM, handle.pwrite, b"x" * 512, 0)
        expect(errno.EPERM, handle.zero, 512, 0)
        expect(errno.EPERM, handle.trim, 512, 0)
        handle.pread(512, 0)
        handle.flush()
        handle.shutdown()


def test_not_offered():
    with Server("--no-trim", "--no-fast-zero") as server:
        handle = server.connect()
        assert not handle.can_trim() and not handle.can_fast_zero()
        expect(errno.EINVAL, handle.trim, 512, 0)
        expect(errno.EINVAL, handle.zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
        handle.zero(512, 0)
        handle.shutdown()


def test_errors_of_the_disk():
    with Server("--fail", f"read:{errno.EIO}:{8 * MIB}:1") as server:
        handle = server.connect()
        expect(errno.EIO, handle.pread, 512, 8 * MIB)
        expect(errno.EIO, handle.pread, SIZE, 0)  # the error comes after seven good chunks
        handle.pread(8 * MIB, 0)
        handle.shutdown()
        handle = server.connect(structured=False)
        expect(errno.EIO, handle.pread, MIB, 8 * MIB)
        expect(errno.EIO, handle.pread, 4 * MIB, 8 * MIB)  # in the first piece: still told
        handle.pread(8 * MIB, 0)
        handle.shutdown()
    with Server("--fail", f"write:{errno.ENOSPC}:{8 * MIB}:1") as server:
        handle = server.connect()
        expect(errno.ENOSPC, handle.pwrite, b"x" * SIZE, 0)
        handle.pwrite(b"x" * 8 * MIB, 0)
        handle.shutdown()
    with Server("--fail", f"flush:{errno.EIO}:0:0") as server:
        handle = server.connect()
        expect(errno.EIO, handle.flush)
        handle.shutdown()
    with Server("--fail", f"zero:{errno.ENOTSUP}:0:512") as server:
        handle = server.connect()
        expect(errno.ENOTSUP, handle.zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
        handle.shutdown()


def test_options():
    with Server() as server:
        handle = nbd.NBD()
        handle.set_opt_mode(True)
        handle.connect_unix(server.path)
        names = []
        handle.opt_list(lambda name, description: names.append(name) or 0)
        assert names == ["memory"], names
        contexts = []
        handle.opt_list_meta_context(lambda name: contexts.append(name) or 0)
        assert contexts == ["base:allocation", "holdfast:dirty"], contexts
        handle.set_export_name("other")
        expect(errno.ENOENT, handle.opt_info)
        expect(errno.ENOENT, handle.opt_go)
        handle.set_export_name("memory")
        handle.opt_info()
        assert handle.get_size() == SIZE
        handle.opt_go()
        handle.shutdown()
        handle = nbd.NBD()
        handle.set_opt_mode(True)
        handle.connect_unix(server.path)
        handle.opt_abort()


def test_tls_is_not_there_and_plain_goes_on():
    with Server() as server:
        handle = nbd.NBD()
        if not handle.supports_tls():
            return
        handle.set_tls(nbd.TLS_ALLOW)
        handle.connect_unix(server.path)
        assert not handle.get_tls_negotiated()
        handle.pread(512, 0)
        handle.shutdown()


def main():
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            print(name)
            test()


if __name__ == "__main__":
    main()
