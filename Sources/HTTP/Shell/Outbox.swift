/// Answers made in one turn of the loop. They are sent at the end of the turn, with one `send` per connection, so that a
/// client with many connections is woken once instead of once per connection.
struct Outbox {
  /// What one connection has to send.
  struct Parcel {
    /// The connection, as events name it: nothing is sent for one that has gone.
    let token: UInt64
    let descriptor: Int32
    /// Its place in `bytes`.
    let range: Range<Int>
    /// Whether the connection goes on after its last answer.
    let persists: Bool
  }

  /// Number of bytes from which on the outbox is sent before anything is added.
  static let capacity = 256 * 1024

  /// The answers as they go on the wire.
  var bytes: [UInt8] = []
  var parcels: [Parcel] = []

  /// Whether it is time to send.
  var isFull: Bool { bytes.count >= Outbox.capacity }

  /// Forgets everything, but keeps the memory.
  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    parcels.removeAll(keepingCapacity: true)
  }
}
