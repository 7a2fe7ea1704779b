import EmbeddingService
import Images
import Synchronization
import TensorGraph
import Testing

/// The service around the encoder: threads, models, queue.
@Suite struct EmbeddingServiceTests {
  private func limits(_ change: (inout EmbeddingQueueLimits) -> Void) -> EmbeddingQueueLimits {
    var limits = EmbeddingQueueLimits()
    change(&limits)
    return limits
  }

  private func source(_ name: String) -> ModelFile {
    ModelFile(name: name, path: "/models/" + name)
  }

  @Test func `work under way finishes on the old weights while new ones serve`() async throws {
    let gate = Gate()
    let (began, beganNow) = AsyncStream.makeStream(of: Void.self)
    let loader = EncoderLoader(
      load: { path in
        path.hasSuffix("old")
          ? FakeEncoder(factor: 2, gate: gate, started: { beganNow.yield() })
          : FakeEncoder(factor: 3)
      }, fingerprint: { $0 })
    let service = EmbeddingService(loader: loader, limits: limits { $0.models = 1 })
    var options = EmbeddingOptions()
    options.normalize = false
    async let old = service.embed([try plainBytes(red: 1)], with: source("old"), options: options)
    for await _ in began { break }
    let new = try await service.embed(
      [try plainBytes(red: 1)], with: source("new"), options: options)
    #expect(new.vectors == [[3, 30, 60, 3]])
    #expect(!service.isLoaded(source("old")))
    gate.open()
    let reply = try await old
    #expect(reply.vectors == [[2, 20, 40, 2]])
    #expect(reply.fingerprint == "/models/old")
    #expect(service.waitingCount == 0)
  }

  @Test func `a queue that is full refuses, and takes again when it has room`() async throws {
    let gate = Gate()
    let (began, beganNow) = AsyncStream.makeStream(of: Void.self)
    let loader = EncoderLoader(
      load: { _ in FakeEncoder(gate: gate, started: { beganNow.yield() }) }, fingerprint: { $0 })
    let service = EmbeddingService(loader: loader, limits: limits { $0.pictures = 2 })
    async let first = service.embed(
      [try plainBytes(red: 1), try plainBytes(red: 2)], with: source("m"))
    for await _ in began { break }
    await #expect(throws: EmbeddingServiceError.self) {
      try await service.embed([try plainBytes(red: 3)], with: source("m"))
    }
    gate.open()
    #expect(try await first.vectors.count == 2)
    #expect(try await service.embed([try plainBytes(red: 3)], with: source("m")).vectors.count == 1)
  }

  @Test func `several pictures are computed at once, in order, and a lone one opens one worker`()
    async throws
  {
    let (loads, openings) = (Counter(), Counter())
    let gate = Gate()
    let (began, beganNow) = AsyncStream.makeStream(of: Void.self)
    let loader = EncoderLoader(
      precision: .bfloat16,
      load: { _ in
        loads.add()
        return FakeEncoder(gate: gate, started: { beganNow.yield() })
      },
      fingerprint: { path in
        openings.add()
        return path
      })
    let service = EmbeddingService(loader: loader, workerCount: 2)
    var options = EmbeddingOptions()
    options.normalize = false
    async let reply = service.embed(
      (1...5).map { try plainBytes(red: $0) }, with: source("m"), options: options)
    var started = 0
    for await _ in began {
      started += 1
      if started == 2 { break }  // Two of them have begun, and neither has ended.
    }
    // What the model is is told while every worker is busy.
    #expect(try await service.model(of: source("m")).precision == .bfloat16)
    gate.open()
    #expect(try await reply.vectors.map { $0[0] } == [1, 2, 3, 4, 5])
    #expect(loads.value == 2)
    #expect(openings.value == 1)  // The file is read once, however many workers there are.
    _ = try await service.embed([try plainBytes(red: 1)], with: source("other"))
    #expect(loads.value == 3 && openings.value == 2)
  }

  @Test func `pictures of a caller who has left are dropped before they are computed`() async throws
  {
    let computed = Counter()
    let gate = Gate()
    let (began, beganNow) = AsyncStream.makeStream(of: Void.self)
    let loader = EncoderLoader(
      load: { _ in
        FakeEncoder(
          gate: gate,
          started: {
            computed.add()
            beganNow.yield()
          })
      }, fingerprint: { $0 })
    let service = EmbeddingService(loader: loader, limits: limits { $0.pictures = 64 })
    let picture = try plainBytes(red: 1)
    let leaving = Task {
      try await service.embed(Array(repeating: picture, count: 64), with: source("m"))
    }
    for await _ in began { break }  // The first is being computed; 63 wait.
    await #expect(throws: EmbeddingServiceError.queueFull(limit: 64, seconds: 3.2)) {
      try await service.embed([picture], with: source("m"))
    }
    leaving.cancel()
    gate.open()
    await #expect(throws: CancellationError.self) { try await leaving.value }
    // One of the leaver's; the rest left the queue, and their places are free.
    #expect(computed.value == 1 && service.waitingCount == 0)
    #expect(try await service.embed([picture], with: source("m")).vectors.count == 1)
    #expect(computed.value == 2)
  }

  @Test func `a caller who left before asking is not computed, alone or among others`() async throws
  {
    let computed = Counter()
    let loader = EncoderLoader(
      load: { _ in FakeEncoder(started: { computed.add() }) }, fingerprint: { $0 })
    let service = EmbeddingService(loader: loader)
    let picture = try plainBytes(red: 1)
    for count in [1, 5] {
      let gone = Task {
        while !Task.isCancelled { await Task.yield() }
        return try await service.embed(
          Array(repeating: picture, count: count), with: source("m"))
      }
      gone.cancel()
      await #expect(throws: CancellationError.self) { try await gone.value }
    }
    #expect(computed.value == 0 && service.waitingCount == 0)
  }

  @Test func `a queue holds so many bytes, whatever the number of pictures`() async throws {
    let picture = try plainBytes(red: 1)
    let loader = EncoderLoader(load: { _ in FakeEncoder() }, fingerprint: { $0 })
    let limit = 2 * picture.count
    let service = EmbeddingService(loader: loader, limits: limits { $0.byteCount = limit })
    await #expect(throws: EmbeddingServiceError.queueHoldsTooManyBytes(limit: limit, seconds: 1)) {
      try await service.embed([picture, picture, picture], with: source("m"))
    }
    for _ in 0..<3 {
      #expect(
        try await service.embed([picture, picture], with: source("m")).vectors.count == 2)
    }
  }

  @Test func `a model that cannot be opened is tried again by the next request`() async throws {
    let tries = Counter()
    let loader = EncoderLoader(
      load: { _ in
        tries.add()
        if tries.value == 1 { throw NotAModel() }
        return FakeEncoder()
      }, fingerprint: { $0 })
    let service = EmbeddingService(loader: loader)
    await #expect(throws: EmbeddingServiceError.self) {
      try await service.embed([try plainBytes(red: 1)], with: source("m"))
    }
    #expect(service.waitingCount == 0)
    #expect(try await service.embed([try plainBytes(red: 1)], with: source("m")).vectors.count == 1)
  }

  @Test func `the models used last stay in memory`() async throws {
    let loads = Counter()
    let loader = EncoderLoader(
      load: { _ in
        loads.add()
        return FakeEncoder()
      }, fingerprint: { $0 })
    let service = EmbeddingService(loader: loader, limits: limits { $0.models = 2 })
    for name in ["a", "b", "a", "c", "a"] {
      _ = try await service.embed([try plainBytes(red: 1)], with: source(name))
    }
    #expect(loads.value == 3)
    #expect(service.isLoaded(source("a")) && service.isLoaded(source("c")))
    #expect(!service.isLoaded(source("b")))
  }

  @Test func `models stay in memory within its bytes, and one that needs more is kept alone`()
    async throws
  {
    let loader = EncoderLoader(
      load: { FakeEncoder(byteCount: $0.hasSuffix("large") ? 500 : 100) }, fingerprint: { $0 })
    let service = EmbeddingService(loader: loader, limits: limits { $0.modelByteCount = 250 })
    func names(after name: String) async throws -> [String] {
      _ = try await service.embed([try plainBytes(red: 1)], with: source(name))
      return service.loaded.map(\.file.name)
    }
    #expect(try await names(after: "a") == ["a"])
    #expect(try await names(after: "b") == ["b", "a"])
    #expect(try await names(after: "a") == ["a", "b"])
    #expect(try await names(after: "c") == ["c", "a"])
    #expect(service.loaded.map(\.byteCount) == [100, 100])
    #expect(try await names(after: "large") == ["large"])
    #expect(service.loaded.map(\.byteCount) == [500])
    #expect(try await names(after: "a") == ["a"])
  }

  @Test func `pictures are decoded by the workers, and every one that does not decode is named`()
    async throws
  {
    let service = EmbeddingService(
      loader: EncoderLoader(load: { _ in FakeEncoder() }, fingerprint: { $0 }),
      limits: limits { $0.pictures = 3 })
    let (empty, cut) = ([UInt8](), Array(try plainBytes(red: 1).prefix(50)))
    let error = await #expect(throws: EmbeddingServiceError.self) {
      try await service.embed([empty, try plainBytes(red: 1), cut], with: source("m"))
    }
    guard case .notDecodable(let failures) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(failures.mapValues(\.code) == [0: .empty, 2: .truncated])
    // Nothing is decoded that has no place in the queue.
    await #expect(throws: EmbeddingServiceError.queueFull(limit: 3, seconds: 1)) {
      try await service.embed([empty, empty, empty, empty], with: source("m"))
    }
    #expect(service.waitingCount == 0)
  }

  @Test func `numbers that are not finite are told, never served`() async throws {
    let loader = EncoderLoader(
      load: { _ in FakeEncoder(factor: .infinity) }, fingerprint: { $0 })
    let service = EmbeddingService(loader: loader)
    await #expect(throws: EmbeddingServiceError.notFinite(index: 0)) {
      try await service.embed([try plainBytes(red: 1)], with: source("m"))
    }
  }
}
