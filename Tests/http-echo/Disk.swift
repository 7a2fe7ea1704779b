import Glibc
import HTTP

/// Takes the body to a file of the folder and counts it; only with `?keep` the file stays, as `kept`.
func takeToDisk(_ request: Request, folder: String) async throws -> Response {
  let path = "\(folder)/http-echo-\(getpid())-\(UInt64.random(in: 0 ... .max))"
  let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
  guard file >= 0 else { throw fault }
  defer {
    close(file)
    unsafe unlink(path)
  }
  var count = 0
  for try await chunk in request.body {
    var written = 0
    while written < chunk.count {
      let step = unsafe chunk.withUnsafeBytes {
        unsafe write(file, $0.baseAddress.map { unsafe $0 + written }, $0.count - written)
      }
      guard step > 0 else { throw fault }
      written += step
    }
    count += chunk.count
  }
  if request.query("keep") != nil { unsafe rename(path, "\(folder)/kept") }
  return .text("\(count)\n", status: 201)
}

private let fault = HTTPError(
  status: 507, code: "disk", detail: "The body could not be written to the disk.")
