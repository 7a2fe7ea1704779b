/// A head gets one verdict, whole or cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = Input(start, count)
  precondition(verdict([input.bytes]) == verdict(input.pieces))
  return 0
}

private func verdict(_ pieces: [[UInt8]]) -> String {
  var parser = HeadParser(limits: Limits())
  do throws(HTTPError) {
    for piece in pieces {
      var position = 0
      if let head = try parser.parse(piece.span, at: &position) { return "\(head)" }
      precondition(position == piece.count)
    }
  } catch {
    return "\(error.status)"
  }
  return "incomplete"
}
