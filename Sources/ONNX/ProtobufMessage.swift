/// A message of Protocol Buffers in its wire format, while it is written.
///
/// A field is a number, which says how it is stored, and a value: a varint (seven bits a byte, least significant first), four
/// bytes, or a length and as many bytes. The length stands before the bytes, so what is in a message is written before the
/// message itself. Long arrays of numbers are kept as they are until the file is written: a message takes no second copy
/// of a model's weights.
struct ProtobufMessage: Sendable {
  /// A run of the message's bytes.
  enum Piece: Sendable {
    case bytes([UInt8])
    /// Little-endian, as they lie in memory.
    case floats([Float])
  }

  /// Length in bytes.
  private(set) var byteCount = 0
  private var earlier: [Piece] = []
  private var last: [UInt8] = []

  /// The bytes in their order.
  var pieces: [Piece] { last.isEmpty ? earlier : earlier + [.bytes(last)] }
}

extension ProtobufMessage {
  /// How a field's value is stored: the low three bits of its key.
  private enum WireType: UInt64 {
    case varint = 0
    case lengthDelimited = 2
    case fourBytes = 5
  }

  /// Appends an integer. A negative one takes ten bytes, as the format has it.
  mutating func append(_ field: Int, _ value: Int) {
    append(key: field, .varint)
    append(varint: UInt64(bitPattern: Int64(value)))
  }

  /// Appends a number of four bytes.
  mutating func append(_ field: Int, _ value: Float) {
    append(key: field, .fourBytes)
    let bits = value.bitPattern
    append((0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt32($0))) })
  }

  /// Appends text in UTF-8.
  mutating func append(_ field: Int, _ text: String) { append(field, Array(text.utf8)) }

  /// Appends bytes.
  mutating func append(_ field: Int, _ bytes: [UInt8]) {
    append(key: field, .lengthDelimited)
    append(varint: UInt64(bytes.count))
    append(bytes)
  }

  /// Appends the bytes of numbers, four each.
  mutating func append(_ field: Int, bytesOf values: [Float]) {
    append(key: field, .lengthDelimited)
    append(varint: UInt64(4 * values.count))
    append(.floats(values), byteCount: 4 * values.count)
  }

  /// Appends a message.
  mutating func append(_ field: Int, _ message: ProtobufMessage) {
    append(key: field, .lengthDelimited)
    append(varint: UInt64(message.byteCount))
    for piece in message.pieces {
      switch piece {
      case .bytes(let bytes): append(bytes)
      case .floats(let values): append(piece, byteCount: 4 * values.count)
      }
    }
  }

  private mutating func append(key field: Int, _ type: WireType) {
    append(varint: UInt64(field) << 3 | type.rawValue)
  }

  private mutating func append(varint value: UInt64) {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(bytes + [UInt8(rest)])
  }

  private mutating func append(_ bytes: [UInt8]) {
    last += bytes
    byteCount += bytes.count
  }

  private mutating func append(_ piece: Piece, byteCount count: Int) {
    if !last.isEmpty { earlier.append(.bytes(last)) }
    last = []
    earlier.append(piece)
    byteCount += count
  }
}
