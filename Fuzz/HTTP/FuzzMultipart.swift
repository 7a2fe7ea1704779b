/// A multipart body means the same, whole or cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = Input(start, count)
  precondition(meaning([input.bytes]) == meaning(input.pieces))
  _ = parseParameters(String(decoding: input.bytes, as: UTF8.self))
  return 0
}

private func meaning(_ pieces: [[UInt8]]) -> String {
  var parser = MultipartParser(boundary: "b", limits: MultipartLimits())
  var events: [MultipartEvent] = []
  do throws(HTTPError) {
    for piece in pieces { try parser.parse(piece.span, into: &events) }
  } catch {
    return "\(error.status)"
  }
  var text = ""
  var data: [UInt8] = []
  for event in events {
    switch event {
    case .part(let part): text += "\(data)\(part)"
    case .data(let bytes): data += bytes
    }
  }
  return text + "\(data)\(parser.isFinished)"
}
