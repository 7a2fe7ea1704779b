import CArchive

/// A range of a file, read block by block.
struct PackedBytes {
  private let file: ReadableFile
  private var range: Range<Int>
  private static let blockByteCount = 1 << 16

  init(file: ReadableFile, range: Range<Int>) {
    self.file = file
    self.range = range
  }

  /// The next block, empty at the end; nil where it cannot be read.
  mutating func next() -> [UInt8]? {
    let count = min(PackedBytes.blockByteCount, range.count)
    guard let bytes = file.bytes(at: range.lowerBound, count: count), bytes.count == count else {
      return nil
    }
    range = range.lowerBound + count..<range.upperBound
    return bytes
  }
}

/// Unpacks one entry of a zip, stored or packed with Deflate (RFC 1951), block by block.
struct Inflater: ~Copyable {
  private let state: State?
  private var input: [UInt8] = []
  private var taken = 0
  private var ended = false
  private static let blockByteCount = 1 << 16

  /// zlib's state.
  @safe
  private final class State {
    let stream: UnsafeMutablePointer<z_stream>

    init?() {
      guard let stream = unsafe byol_inflater_new() else { return nil }
      unsafe self.stream = stream
    }

    deinit { unsafe byol_inflater_free(stream) }
  }

  /// For a method of the zip format: 0 or 8. Nil where there is no memory.
  init?(method: Int) {
    guard method == 8 else {
      state = nil
      return
    }
    guard let state = State() else { return nil }
    self.state = state
  }

  /// Appends the next bytes, none at the end; false where the packed bytes are damaged or end early.
  mutating func append(to bytes: inout [UInt8], from source: inout PackedBytes) -> Bool {
    guard let state else {
      guard let block = source.next() else { return false }
      bytes += block
      return true
    }
    while !ended {
      if taken == input.count {
        guard let block = source.next() else { return false }
        (input, taken) = (block, 0)
      }
      let before = bytes.count
      guard inflate(state, into: &bytes) else { return false }
      if bytes.count > before { return true }
      // Nothing came of nothing: the packed bytes are over before their end.
      if !ended, input.isEmpty { return false }
    }
    return true
  }

  /// One call of zlib; false for an error.
  private mutating func inflate(_ state: State, into bytes: inout [UInt8]) -> Bool {
    let packed = Array(input[taken...])
    var (packedCount, count) = (UInt32(packed.count), UInt32(Inflater.blockByteCount))
    var block = [UInt8](repeating: 0, count: Inflater.blockByteCount)
    let code = unsafe byol_inflate(state.stream, packed, &packedCount, &block, &count)
    taken += Int(packedCount)
    bytes += block.prefix(Int(count))
    ended = code == 1
    return code >= 0
  }
}
