/// A chunked body gets one verdict, whole or cut, and never more bytes than its limit.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = Input(start, count)
  precondition(verdict([input.bytes]) == verdict(input.pieces))
  return 0
}

private func verdict(_ pieces: [[UInt8]]) -> String {
  var output: [UInt8] = []
  do throws(HTTPError) {
    var decoder = BodyDecoder(.chunked, limit: 1000, limits: Limits())
    for piece in pieces {
      var position = 0
      try decoder.decode(piece.span, at: &position, into: &output)
      precondition(output.count <= 1000)
      if decoder.isFinished { return "\(output)" }
    }
  } catch {
    return "\(error.status)"
  }
  return "incomplete \(output)"
}
