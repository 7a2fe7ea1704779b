import Identifiers

/// The runs that wait for their turn: owners take turns, and each owner's runs come in the order in which they were made.
///
/// So nobody waits for all that another has queued. Runs that had their turn when the last service ended come before all
/// others. Runs of nobody in particular, such as all of a service without keys, are one owner's.
struct RunQueue {
  /// The runs, the next first; what they were when they came.
  private(set) var waiting: [RunRecord] = []
  /// The same by their tickets.
  private var line: [RunRecord] = []
  /// Those that had their turn already.
  private var resumed: Set<Identifier> = []
  /// The number of the turn that each owner was given last.
  private var lastTurns: [String?: Int] = [:]
  private var turns = 0
  /// How often a waiting run has moved: its version counts that too.
  private var shifts: [Identifier: Int] = [:]
  /// The ticket of the next run that comes.
  private(set) var nextNumber = 1

  var count: Int { line.count }
  var first: Identifier? { waiting.first?.run.id }

  /// A queue of runs as they were left, by their tickets; those of `resumed` had their turn.
  init(resumed: [RunRecord] = [], _ others: [RunRecord] = []) {
    line = resumed + others
    self.resumed = Set(resumed.map(\.run.id))
    nextNumber = (line.compactMap(\.status.queueNumber).max() ?? 0) + 1
    order()
  }

  /// Runs before this one; nil where it does not wait.
  func position(of id: Identifier) -> Int? { waiting.firstIndex { $0.run.id == id } }

  func shifts(of id: Identifier) -> Int { shifts[id] ?? 0 }

  /// Adds a run; its ticket is `nextNumber`.
  mutating func enter(_ record: RunRecord) {
    line.append(record)
    nextNumber += 1
    order()
  }

  /// Takes a run out, if it is in, since it is given its turn.
  mutating func giveTurn(_ id: Identifier) {
    guard let record = line.first(where: { $0.run.id == id }) else { return }
    turns += 1
    lastTurns[record.run.owner] = turns
    remove(id)
  }

  /// Takes a run out, if it is in, since it does not want its turn any more.
  mutating func remove(_ id: Identifier) {
    line.removeAll { $0.run.id == id }
    resumed.remove(id)
    shifts[id] = nil
    order()
  }

  /// Puts the runs in order; those that are in another place than before have moved.
  private mutating func order() {
    let places = Dictionary(
      uniqueKeysWithValues: waiting.enumerated().map { ($1.run.id, $0) })
    waiting = line.filter { resumed.contains($0.run.id) }
    waiting += RunQueue.inTurns(line.filter { !resumed.contains($0.run.id) }, after: lastTurns)
    for (place, record) in waiting.enumerated() {
      if let before = places[record.run.id], before != place {
        shifts[record.run.id, default: 0] += 1
      }
    }
    // An owner of whom nothing waits keeps the memory of the last turn only as long as it can matter.
    if lastTurns.count > 2 * RunQueue.rememberedOwners {
      let newest = lastTurns.sorted { $0.value > $1.value }.prefix(RunQueue.rememberedOwners)
      lastTurns = Dictionary(uniqueKeysWithValues: newest.map { ($0.key, $0.value) })
    }
  }

  private static let rememberedOwners = 1_000

  /// Runs that are in the order of their tickets in the order of their turns: round after round one of each owner. Who
  /// has waited longest for a turn, or never had one, begins.
  static func inTurns(_ line: [RunRecord], after lastTurns: [String?: Int]) -> [RunRecord] {
    var lines: [String?: [RunRecord]] = [:]
    var owners: [String?] = []
    for record in line {
      if lines[record.run.owner] == nil { owners.append(record.run.owner) }
      lines[record.run.owner, default: []].append(record)
    }
    // Those of the same turn, which never had one, stay in the order of their first tickets.
    let places = owners.enumerated().sorted {
      (lastTurns[$0.element] ?? 0, $0.offset) < (lastTurns[$1.element] ?? 0, $1.offset)
    }
    let inOrder = places.map { lines[$0.element] ?? [] }
    let rounds = inOrder.map(\.count).max() ?? 0
    return (0..<rounds).flatMap { round in
      inOrder.compactMap { round < $0.count ? $0[round] : nil }
    }
  }
}
