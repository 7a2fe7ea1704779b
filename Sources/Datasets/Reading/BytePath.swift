/// A path as the system has it: bytes without 0, which need not be text in any encoding.
struct BytePath: Hashable, Sendable {
  let bytes: [UInt8]

  init(_ text: String) { bytes = Array(text.utf8) }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// The path of something in this folder.
  func appending(_ name: [UInt8]) -> BytePath {
    BytePath(bytes: bytes + [UInt8(ascii: "/")] + name)
  }

  /// Calls `body` with the bytes and a 0 behind them.
  func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    let text = bytes.map { CChar(bitPattern: $0) } + [0]
    return unsafe text.span.withUnsafeBufferPointer { buffer in
      guard let first = buffer.baseAddress else { preconditionFailure("A path ends with 0.") }
      return unsafe body(first)
    }
  }
}
