/// The known name that a misspelt one is nearest to, where at most a third of its letters differ.
///
/// The distance counts insertions, deletions and replacements of letters (Levenshtein); `-` and `_` are the same letter.
public func nearestName(to misspelt: String, among names: [String]) -> String? {
  let letters = comparable(misspelt)
  // Longer than any name by far: nothing is near, and the table of distances stays small.
  guard letters.count <= 64 else { return nil }
  let distances = names.map { (name: $0, distance: distance(letters, comparable($0))) }
  guard let nearest = distances.min(by: { $0.distance < $1.distance }) else { return nil }
  return nearest.distance * 3 <= nearest.name.utf8.count ? nearest.name : nil
}

private func comparable(_ name: String) -> [UInt8] {
  name.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
}

private func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
  var row = Array(0...second.count)
  for (place, letter) in first.enumerated() {
    // `diagonal` is the distance of the two beginnings without the letters that are compared now.
    var diagonal = row[0]
    row[0] = place + 1
    for column in 0..<second.count {
      let replaced = diagonal + (letter == second[column] ? 0 : 1)
      diagonal = row[column + 1]
      row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
    }
  }
  return row[second.count]
}
