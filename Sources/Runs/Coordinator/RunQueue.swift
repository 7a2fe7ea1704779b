import Identifiers

/// The runs that wait for their turn, in the order in which they came.
struct RunQueue {
  /// The runs, the next first; what they were when they came.
  private(set) var waiting: [RunRecord] = []
  /// How often a waiting run has moved up: its version counts that too.
  private var shifts: [Identifier: Int] = [:]
  /// The ticket of the next run that comes.
  private(set) var nextNumber = 1

  var count: Int { waiting.count }
  var first: Identifier? { waiting.first?.run.id }

  /// A queue of runs as they were left, the next first.
  init(_ waiting: [RunRecord] = []) {
    self.waiting = waiting
    nextNumber = (waiting.compactMap(\.status.queueNumber).max() ?? 0) + 1
  }

  /// Runs before this one; nil where it does not wait.
  func position(of id: Identifier) -> Int? { waiting.firstIndex { $0.run.id == id } }

  func shifts(of id: Identifier) -> Int { shifts[id] ?? 0 }

  /// Adds a run at the end; its ticket is `nextNumber`.
  mutating func enter(_ record: RunRecord) {
    waiting.append(record)
    nextNumber += 1
  }

  /// Takes a run out, if it is in; those behind it move up.
  mutating func remove(_ id: Identifier) {
    guard let index = position(of: id) else { return }
    for behind in waiting[(index + 1)...] { shifts[behind.run.id, default: 0] += 1 }
    waiting.remove(at: index)
    shifts[id] = nil
  }
}
