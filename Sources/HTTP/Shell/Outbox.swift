/// Answers made in one turn of the loop. They leave at the turn's end, one send a connection: a client of many
/// connections is then woken once, not by each of them.
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

  /// With this many bytes or more, what is there is sent before anything is added.
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
