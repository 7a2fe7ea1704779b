internal import CSystem
internal import Synchronization

/// The body of a request as a handler reads it: at the handler's pace, decompressed, and counted as far as it is kept.
final class ConnectionBody: BodySource {
  private let connection: Connection
  /// The exchange that the body belongs to; later ones do not give theirs away.
  private let serial: Int
  private let limit: Int
  private let isCompressed: Bool
  private let gunzip = Mutex<Gunzip?>(nil)

  init(_ connection: Connection, serial: Int, limit: Int, isCompressed: Bool) {
    self.connection = connection
    self.serial = serial
    self.limit = limit
    self.isCompressed = isCompressed
  }

  func next() async throws -> [UInt8]? {
    guard isCompressed else { return try await connection.nextBody(serial) }
    let decoder = try await decoder()
    while true {
      if let bytes = try decoder.next() { return bytes }
      guard let compressed = try await connection.nextBody(serial) else {
        try decoder.finish()
        return nil
      }
      decoder.feed(compressed)
    }
  }

  private func decoder() async throws -> Gunzip {
    if let decoder = gunzip.withLock({ $0 }) { return decoder }
    try await connection.hold(Gunzip.memoryBytes, serial)
    let decoder = try Gunzip(limit: limit)
    gunzip.withLock { $0 = decoder }
    return decoder
  }

  func hold(_ bytes: Int) async throws { try await connection.hold(bytes, serial) }
  func giveBack(_ bytes: Int) async { await connection.giveBack(bytes, serial) }
}

extension Connection {
  /// Takes a share of the memory for bodies on behalf of exchange `serial`.
  ///
  /// An exchange that holds nothing yet waits for it. One that holds something is refused instead, since two that
  /// wait for each other's memory would wait for ever.
  ///
  /// - Throws: `HTTPError` 503.
  func hold(_ bytes: Int, _ serial: Int) async throws {
    guard let memory = memory(serial) else { throw CancellationError() }
    if site.memory.take(bytes, loop.now) { return memory.add(bytes) }
    guard memory.bytes == 0 else { throw Connection.memoryShort }
    let ticket = site.memory.ticket()
    memoryTicket = ticket
    defer { memoryTicket = nil }
    loop.after(site.limits.memoryWait) { [memory = site.memory] in memory.withdraw(ticket) }
    guard await site.memory.wait(ticket, for: bytes) else { throw Connection.memoryShort }
    memory.add(bytes)
  }

  /// Takes a share for bytes that are there already and more than need not be counted.
  ///
  /// - Throws: `HTTPError` 503.
  func holdAtOnce(_ bytes: Int) throws(HTTPError) {
    guard bytes > RequestBody.uncountedBytes, let memory = memory(exchanges) else { return }
    guard site.memory.take(bytes, loop.now) else { throw Connection.memoryShort }
    memory.add(bytes)
  }

  /// Takes a share that is wanted for speed alone; whether there was plenty.
  func holdSpare(_ bytes: Int) -> Bool {
    guard let memory = memory(exchanges), site.memory.takeSpare(bytes) else { return false }
    memory.add(bytes)
    return true
  }

  /// Gives a part of the share back.
  func giveBack(_ bytes: Int, _ serial: Int) {
    if serial == exchanges { exchange?.memory?.giveBack(bytes) }
  }

  /// The share of exchange `serial`; nil when it is over.
  private func memory(_ serial: Int) -> MemoryHold? {
    guard serial == exchanges, exchange != nil else { return nil }
    if exchange?.memory == nil { exchange?.memory = MemoryHold(site.memory) }
    return exchange?.memory
  }

  static let memoryShort = HTTPError(
    .memoryShort,
    "The memory for requests and responses under way is taken; try again in a few seconds.",
    headers: ["Retry-After": "5"], closes: true)

  /// Learns that others ask in vain for memory, so that a slow client that holds some is borne less.
  func memoryIsShort() {
    guard let memory = exchange?.memory, memory.bytes > 0 else { return }
    policy.memoryIsShort = true
    noteDeadline()
  }
}
