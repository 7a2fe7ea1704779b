import Identifiers
import Recipes
import Testing

@testable import Runs

/// Owners take turns in the queue of runs.
@Suite(.timeLimit(.minutes(1))) struct `Fair queue` {
  private let recipe: Recipe
  private let identifiers = IdentifierSource()

  init() throws { recipe = try RunHarness.recipe() }

  /// A waiting run that has its owner and ticket in its name.
  private func record(_ owner: String?, _ ticket: Int) -> RunRecord {
    let run = Run(
      id: identifiers.next(at: .now()), name: "\(owner ?? "-")\(ticket)", metadata: [:],
      dataset: "pictures", recipe: recipe, owner: owner, createdAt: .now())
    var status = RunStatus(queuedAt: .now(), recipe: recipe)
    status.queueNumber = ticket
    return RunRecord(run: run, status: status)
  }

  private func names(_ records: [RunRecord]) -> String {
    records.map(\.run.name).joined(separator: " ")
  }

  /// A queue into which runs came in the order of these owners.
  private func queue(_ owners: [String?]) -> RunQueue {
    var queue = RunQueue()
    for owner in owners { queue.enter(record(owner, queue.nextNumber)) }
    return queue
  }

  @Test(arguments: [
    ("", ""), ("aaa", "a1 a2 a3"), ("aaab", "a1 b4 a2 a3"), ("aabbc", "a1 b3 c5 a2 b4"),
    ("abab", "a1 b2 a3 b4"), ("aaaabbc", "a1 b5 c7 a2 b6 a3 a4"),
  ])
  func `owners take turns, and each is served in the order of arrival`(
    owners: String, order: String
  ) {
    #expect(names(queue(owners.map { String($0) }).waiting) == order)
  }

  @Test func `runs of nobody are one owner's`() {
    #expect(names(queue([nil, nil, "a", nil]).waiting) == "-1 a3 -2 -4")
  }

  @Test func `who was served last waits longest, also when others come and go`() throws {
    var queue = queue(["a", "a", "a"])
    queue.giveTurn(try #require(queue.first))
    queue.enter(record("b", 4))
    #expect(names(queue.waiting) == "b4 a2 a3")
    queue.giveTurn(try #require(queue.first))
    #expect(names(queue.waiting) == "a2 a3")
    queue.enter(record("b", 5))
    queue.enter(record("c", 6))
    // c never had a turn, a had one before b.
    #expect(names(queue.waiting) == "c6 a2 b5 a3")
    // Leaving the queue is no turn.
    queue.remove(try #require(queue.first))
    queue.enter(record("c", 7))
    #expect(names(queue.waiting) == "c7 a2 b5 a3")
  }

  @Test func `runs that were interrupted come before all others`() {
    let interrupted = [record("a", 1), record("a", 2)]
    let queue = RunQueue(resumed: interrupted, [record("a", 3), record("b", 4), record("a", 5)])
    #expect(names(queue.waiting) == "a1 a2 a3 b4 a5")
    #expect(queue.nextNumber == 6)
  }

  @Test func `a run that moves in either direction has another version`() throws {
    var queue = queue(["a", "a"])
    let (first, second) = (queue.waiting[0].run.id, queue.waiting[1].run.id)
    let before = (queue.shifts(of: first), queue.shifts(of: second))
    queue.enter(record("b", 3))
    #expect(names(queue.waiting) == "a1 b3 a2")
    #expect(queue.shifts(of: first) == before.0 && queue.shifts(of: second) == before.1 + 1)
    queue.giveTurn(first)
    #expect(queue.shifts(of: second) == before.1 + 2)
  }

  @Test func `no owner waits for more than one run of each other owner`() {
    var state = UInt64(7)
    for _ in 0..<200 {
      let owners = (0..<30).map { _ -> String? in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return ["a", "b", "c", nil][Int(state >> 33) % 4]
      }
      let order = queue(owners).waiting
      #expect(Set(order.map(\.run.id)).count == 30)
      for owner in Set(owners) {
        let places = order.indices.filter { order[$0].run.owner == owner }
        #expect(
          places.map { order[$0].status.queueNumber ?? 0 }.sorted()
            == places.map { order[$0].status.queueNumber ?? 0 })
        for (round, place) in places.enumerated() { #expect(place <= round * 4 + 3) }
      }
    }
  }

  @Test func `the coordinator gives turns by it, and its first reply tells the place`() async throws
  {
    let harness = try RunHarness()
    let coordinator = try harness.coordinator(.goesOn)
    func create(_ owner: String) async throws -> (Identifier, Int?) {
      let made = try await coordinator.create(try RunHarness.submission(owner: owner)).record
      return (made.run.id, made.status.queuePosition)
    }
    let (running, _) = try await create("a")
    let (second, secondPlace) = try await create("a")
    let (third, thirdPlace) = try await create("a")
    let (other, otherPlace) = try await create("b")
    #expect(secondPlace == 0 && thirdPlace == 1 && otherPlace == 0)
    var places: [Int?] = []
    for id in [running, second, third, other] {
      places.append(try await coordinator.record(id).status.queuePosition)
    }
    #expect(places == [nil, 1, 2, 0])
    // The owner is remembered with the run.
    #expect(try harness.store.record(other)?.run.owner == "b")
    _ = try await coordinator.stop(running, now: true)
    _ = try await coordinator.reaches(.running, other)
    #expect(try await coordinator.record(second).status.state == .queued)
    await coordinator.end(within: .seconds(10))
  }
}
