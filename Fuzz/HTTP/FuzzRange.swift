/// A range lies inside its file, whatever the fields say.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = Input(start, count)
  var headers = Headers()
  let names = ["Range", "If-Range", "If-None-Match", "If-Match", "If-Modified-Since"]
  for (name, value) in zip(names, input.bytes.split(separator: 10)) {
    let text = String(decoding: value, as: UTF8.self)
    if Headers.isValid(name: name, value: text) { headers.set(name, text) }
  }
  for size in [0, 1, 1000] {
    let judged = Conditional(
      method: "GET", headers: headers, etag: "\"a\"", modified: 784_111_777, size: size)
    if case .part(let range) = judged {
      precondition(!range.isEmpty && range.lowerBound >= 0 && range.upperBound <= size)
    }
  }
  return 0
}
