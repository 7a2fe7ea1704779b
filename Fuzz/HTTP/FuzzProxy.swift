/// A proxy's header gets one verdict, whole or cut, and addresses read back as they are written.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = Input(start, count)
  precondition(verdict([input.bytes]) == verdict(input.pieces))
  let text = String(decoding: input.bytes, as: UTF8.self)
  if let address = IPAddress(text) { precondition(IPAddress(address.description) == address) }
  var proxies = TrustedProxies()
  _ = proxies.add("0.0.0.0/0") && proxies.add("::/0")
  if Headers.isValid(name: "Forwarded", value: text) {
    let client = proxies.client(peer: "10.0.0.1", headers: ["Forwarded": text])
    precondition(IPAddress(client) != nil)
  }
  return 0
}

private func verdict(_ pieces: [[UInt8]]) -> String {
  var parser = ProxyHeaderParser()
  var taken = 0
  do throws(HTTPError) {
    for piece in pieces {
      var position = 0
      let source = try parser.parse(piece.span, at: &position)
      taken += position
      if let source { return "\(source) \(taken)" }
    }
  } catch {
    return "\(error.status)"
  }
  return "incomplete"
}
