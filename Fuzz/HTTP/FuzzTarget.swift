/// A decoded path never climbs, and no target ends the process.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let text = String(decoding: Input(start, count).bytes, as: UTF8.self)
  _ = isValidAuthority(text)
  _ = parseQuery(text[...])
  _ = try? TargetForm(text, method: "GET")
  if let path = try? decodePath(text[...]) {
    let segments = path.utf8.split(separator: 0x2F)
    precondition(!segments.contains { $0.elementsEqual([0x2E]) || $0.elementsEqual([0x2E, 0x2E]) })
    precondition(!path.utf8.contains(0) || text.utf8.contains(0))
  }
  return 0
}
