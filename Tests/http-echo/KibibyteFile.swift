import Glibc
import HTTP

/// A file of 1 KiB that has no name any more, so that it goes with the process.
func kibibyteFile() throws -> OpenFile {
  let path = "/tmp/http-echo-\(getpid()).bin"
  let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
  let bytes = (0..<1024).map { UInt8(truncatingIfNeeded: $0) }
  let written = unsafe bytes.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
  close(file)
  defer { unsafe unlink(path) }
  guard written == bytes.count else { throw FileFault() }
  return try OpenFile(path: path)
}

/// The temporary file could not be written.
struct FileFault: Error {}
