/// What the folders in the pictures' paths say: the last folder is the label, `train`, `val` or `test`
/// above or below it the split; one common folder at the top means nothing.
struct FolderPlaces {
  /// One picture's label, as a place in `labels`, and split.
  struct Place: Hashable {
    var label: Int?
    var split: Split
  }

  /// The names of the labels, sorted by their bytes.
  let labels: [String]
  /// One place a name, in the order of the names.
  let places: [Place]

  init(names: [String]) {
    var folders = names.map { (SourcePath.components($0) ?? []).dropLast() }
    if let top = folders.first?.first, Split(folder: top) == nil,
      folders.allSatisfy({ $0.first == top })
    {
      folders = folders.map { $0.dropFirst() }
    }
    let labelNames = folders.map { $0.last { Split(folder: $0) == nil } }
    labels = Set(labelNames.compactMap(\.self)).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    let numbers = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    places = zip(folders, labelNames).map { folder, label in
      Place(
        label: label.flatMap { numbers[$0] },
        split: folder.lazy.compactMap(Split.init(folder:)).first ?? .train)
    }
  }
}
