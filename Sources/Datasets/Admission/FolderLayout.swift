/// What the folders in the pictures' paths stand for: labels, parts of the data set, or nothing.
///
/// 1. A folder at the top that all pictures share means nothing, nor do further ones as long as folders follow.
/// 2. `train`, `val` and `test` (and their synonyms) are parts only where the layout shows parts: `train` beside another of
///    them, at the top, or deeper where nothing else stands at that depth (`cat/train/1.png`). Elsewhere they are names like
///    others, as in a set whose classes are called valid and invalid.
/// 3. The last folder is the label. Where it is the same for all pictures and the folder above is not, the one above is, as
///    in `n01443537/images/1.png`.
struct FolderLayout {
  /// One picture's label, as an index in `labels`, and part.
  struct Place: Hashable {
    var label: Int?
    var split: Split
  }

  /// The names of the labels, sorted by their bytes.
  let labels: [String]
  /// One place per name, in the order of the names.
  let places: [Place]
  /// What was decided where it could have been otherwise, as sentences for people.
  let notes: [String]

  init(names: [String]) {
    var notes: [String] = []
    var folders = names.map { (SourcePath.components($0) ?? []).dropLast() }
    FolderLayout.dropCommonTop(&folders, &notes)
    let splits = FolderLayout.takeSplits(&folders, &notes)
    FolderLayout.dropCommonLast(&folders, &notes)
    let texts = folders.map(\.last)
    notes += FolderLayout.alike(texts.compactMap(\.self))
    // A dictionary of Swift's strings: labels that look the same are one, whatever their code points.
    labels = Set(texts.compactMap(\.self)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    var numbers: [String: Int] = [:]
    for (number, label) in labels.enumerated() { numbers[label] = number }
    places = zip(texts, splits).map { Place(label: $0.flatMap { numbers[$0] }, split: $1) }
    if labels.count == 1, let label = labels.first {
      notes.append(
        "All labelled pictures have one label, \(label): nothing can be judged by labels. A label is the last folder above "
          + "a picture.")
    }
    self.notes = notes
  }

  private static func dropCommonTop(_ folders: inout [ArraySlice<String>], _ notes: inout [String])
  {
    var isFirst = true
    while let top = folders.first?.first, folders.allSatisfy({ $0.first == top }) {
      // The one folder of pictures that are all in one is their label, unless nothing else stands above it.
      guard isFirst || Split(folder: top) != nil || folders.contains(where: { $0.count > 1 }) else {
        return
      }
      isFirst = false
      folders = folders.map { $0.dropFirst() }
      if let split = Split(folder: top), split != .train {
        notes.append(
          "All pictures are in the folder \(top). Without a folder train beside it, it is no part: a run learns from all "
            + "pictures.")
      }
    }
  }

  /// Takes the folders that stand for parts out of the paths; tells each picture's part.
  private static func takeSplits(
    _ folders: inout [ArraySlice<String>], _ notes: inout [String]
  ) -> [Split] {
    guard let depth = splitDepth(folders) else {
      let words = Set(folders.joined().filter { (Split(folder: $0) ?? .train) != .train })
      if !words.isEmpty {
        notes.append(
          "\(list(words)) \(words.count == 1 ? "is" : "are") taken as any other folder, not as a part of the data set: no "
            + "folder train stands beside. A run learns from all pictures.")
      }
      return folders.map { _ in .train }
    }
    var others: Set<String> = []
    var splits: [Split] = []
    for (place, folder) in folders.enumerated() {
      guard folder.count > depth else {
        splits.append(.train)
        continue
      }
      let word = folder[folder.startIndex + depth]
      if let split = Split(folder: word) {
        splits.append(split)
        folders[place] = folder[..<(folder.startIndex + depth)] + folder.dropFirst(depth + 1)
      } else {
        splits.append(.train)
        others.insert(word)
      }
    }
    if !others.isEmpty {
      notes.append(
        "\(list(others)) \(others.count == 1 ? "stands" : "stand") beside the folders of parts (train, val, test): a run "
          + "learns from the pictures there too.")
    }
    return splits
  }

  /// How many folders stand above those that are parts; nil where the layout shows none.
  private static func splitDepth(_ folders: [ArraySlice<String>]) -> Int? {
    let deepest = folders.lazy.map(\.count).max() ?? 0
    return (0..<deepest).first { depth in
      let words = Set(
        folders.lazy.filter { $0.count > depth }.map { $0[$0.startIndex + depth] })
      let splits = Set(words.compactMap(Split.init(folder:)))
      let isPure = words.allSatisfy { Split(folder: $0) != nil }
      return splits.contains(.train) && splits.count > 1 && (depth == 0 || isPure)
    }
  }

  private static func dropCommonLast(
    _ folders: inout [ArraySlice<String>], _ notes: inout [String]
  ) {
    while let last = folders.first(where: { !$0.isEmpty })?.last,
      folders.allSatisfy({ $0.isEmpty || $0.last == last }),
      Set(folders.map { $0.dropLast() }.filter { !$0.isEmpty }).count > 1
    {
      folders = folders.map { $0.dropLast() }
      notes.append(
        "The last folder of all pictures is \(last): the folder above it is the label.")
    }
  }

  /// Says which labels look the same and are written in different code points.
  private static func alike(_ labels: [String]) -> [String] {
    var spellings: [String: Set<[UInt8]>] = [:]
    for label in Set(labels.lazy.map { Array($0.utf8) }) {
      spellings[String(decoding: label, as: UTF8.self), default: []].insert(label)
    }
    return spellings.filter { $0.value.count > 1 }.map(\.key).sorted().prefix(10).map {
      "The label \($0) is written in different code points that look the same (Unicode's composed and decomposed "
        + "forms): they count as one label."
    }
  }

  private static func list(_ words: Set<String>) -> String {
    let sorted = words.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let more = sorted.count > 3 ? " and \(sorted.count - 3) more" : ""
    return sorted.prefix(3).joined(separator: ", ") + more
  }
}
