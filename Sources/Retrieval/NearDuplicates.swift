extension VectorIndex {
  /// Neighbours of an item that are looked at for a group: of a group of more, some may end up in another one.
  private static let neighboursInGroups = 32

  /// Groups of two and more items that are connected by cosines of at least `score`, each in the order of its rows, the
  /// largest group first.
  ///
  /// Two items are connected directly or over others: an item of a group may be less like another than `score`. The index has at
  /// most `SearchLimits.itemsInPairs` items.
  public func groups(above score: Float, threads: Int) -> [[Int]] {
    precondition(count <= SearchLimits.itemsInPairs, "\(count) items in pairs.")
    var sets = DisjointSets(count: count)
    let step = SearchLimits.queriesInOnePass
    for first in stride(from: 0, to: count, by: step) {
      let rows = Array(first..<min(count, first + step))
      let vectors = rows.map { vector($0) }
      // A vector of zeros is like none.
      let kept = rows.indices.filter { vectors[$0].contains { $0 != 0 } }
      let found =
        (try? nearest(
          to: kept.map { vectors[$0] }, count: Self.neighboursInGroups,
          without: kept.map { [rows[$0]] }, threads: threads)) ?? []
      for (place, neighbours) in zip(kept, found) {
        for neighbour in neighbours where neighbour.score >= score {
          sets.join(rows[place], neighbour.row)
        }
      }
    }
    return sets.groups.filter { $0.count > 1 }.sorted { ($1.count, $0[0]) < ($0.count, $1[0]) }
  }
}

/// Sets of numbers that are joined one pair after the other (Tarjan 1975, with path halving).
struct DisjointSets {
  private var parents: [Int]

  init(count: Int) { parents = Array(0..<count) }

  mutating func root(_ number: Int) -> Int {
    var number = number
    while parents[number] != number {
      parents[number] = parents[parents[number]]
      number = parents[number]
    }
    return number
  }

  mutating func join(_ one: Int, _ other: Int) {
    let (a, b) = (root(one), root(other))
    parents[max(a, b)] = min(a, b)
  }

  /// The sets, each ascending.
  var groups: [[Int]] {
    var copy = self
    var groups: [Int: [Int]] = [:]
    for number in parents.indices { groups[copy.root(number), default: []].append(number) }
    return Array(groups.values)
  }
}
