import Glibc

/// Makes a temporary file of 1 KiB and returns its path; the system's cleaning of temporary files removes it.
func kibibyteFile() throws -> String {
  let path = "/tmp/http-echo-\(getuid()).bin"
  unsafe unlink(path)
  let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
  let bytes = (0..<1024).map { UInt8(truncatingIfNeeded: $0) }
  let written = unsafe bytes.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
  close(file)
  guard written == bytes.count else { throw FileFault() }
  return path
}

/// The temporary file could not be written.
struct FileFault: Error {}
