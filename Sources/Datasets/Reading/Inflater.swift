import CZlib

/// A part of a file, taken in pieces.
struct PackedBytes {
  private let file: ReadableFile
  private var range: Range<Int>
  private static let pieceByteCount = 1 << 16

  init(file: ReadableFile, range: Range<Int>) {
    self.file = file
    self.range = range
  }

  /// The next piece, empty at the end; nil where it cannot be read.
  mutating func next() -> [UInt8]? {
    let count = min(PackedBytes.pieceByteCount, range.count)
    guard let bytes = file.bytes(at: range.lowerBound, count: count), bytes.count == count else {
      return nil
    }
    range = range.lowerBound + count..<range.upperBound
    return bytes
  }
}

/// Unpacks one entry of a zip, stored or packed with Deflate (RFC 1951), a piece at a time.
struct Inflater: ~Copyable {
  private let state: State?
  private var input: [UInt8] = []
  private var taken = 0
  private var ended = false
  private static let pieceByteCount = 1 << 16

  /// zlib's state, at one address for as long as it lives, as zlib asks.
  @safe
  private final class State {
    let stream: UnsafeMutablePointer<z_stream>

    init?() {
      unsafe stream = .allocate(capacity: 1)
      unsafe stream.initialize(to: z_stream())
      // −15: Deflate alone, without zlib's head, in a window of 32 KiB.
      let size = unsafe Int32(MemoryLayout<z_stream>.size)
      guard unsafe inflateInit2_(stream, -15, ZLIB_VERSION, size) == Z_OK else {
        unsafe stream.deallocate()
        return nil
      }
    }

    deinit {
      unsafe inflateEnd(stream)
      unsafe stream.deallocate()
    }
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
      guard let piece = source.next() else { return false }
      bytes += piece
      return true
    }
    while !ended {
      if taken == input.count {
        guard let piece = source.next() else { return false }
        (input, taken) = (piece, 0)
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
    let room = Inflater.pieceByteCount
    var code = Z_OK
    var left = 0
    let packed = input.count - taken
    let piece = unsafe [UInt8](unsafeUninitializedCapacity: room) { output, filled in
      unsafe input.withUnsafeMutableBufferPointer { input in
        unsafe state.stream.pointee.next_in = input.baseAddress.map { unsafe $0 + taken }
        unsafe state.stream.pointee.avail_in = UInt32(packed)
        unsafe state.stream.pointee.next_out = output.baseAddress
        unsafe state.stream.pointee.avail_out = UInt32(room)
        code = unsafe CZlib.inflate(state.stream, Z_NO_FLUSH)
        left = unsafe Int(state.stream.pointee.avail_in)
        filled = unsafe room - Int(state.stream.pointee.avail_out)
      }
    }
    taken += packed - left
    bytes += piece
    ended = code == Z_STREAM_END
    // No progress without input is not an error yet: the next piece may bring it.
    return [Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(code)
  }
}
