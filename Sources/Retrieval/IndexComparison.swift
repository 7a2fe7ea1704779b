/// Two indexes of the same pictures by different models, asked the same questions.
public struct IndexComparison: Sendable {
  /// One question: a picture, and what each index finds, without the picture itself.
  public struct Question: Sendable {
    /// The picture's row in each index.
    public var rows: (first: Int, second: Int)
    /// What the first index finds.
    public var first: [Neighbour]
    /// What the second index finds.
    public var second: [Neighbour]
  }

  /// The questions.
  public var questions: [Question]
  /// Of the found pictures the part that has the label of the picture asked about: precision@k of each index; nil where
  /// fewer than two labels are there.
  public var precision: (first: Double, second: Double)?
  /// Of the pictures that one index finds the part that the other finds too, 0…1.
  public var overlap: Double
}

extension VectorIndex {
  /// The row of the dataset's picture `number`; nil where it has no vector. Rows are in the order of the pictures.
  public func row(ofPicture number: Int) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if items.picture(middle) < number { low = middle + 1 } else { high = middle }
    }
    return low < count && items.picture(low) == number ? low : nil
  }
}

extension SearchDesk {
  /// Asks two indexes of the same dataset about the same pictures, which both have.
  ///
  /// - Parameters:
  ///   - one: The first index.
  ///   - other: The second index.
  ///   - pictures: The pictures' numbers in the dataset; those that an index lacks are left out.
  ///   - count: Neighbours of each picture.
  /// - Returns: the answers, and what they say together.
  /// - Throws: `IndexError`.
  public func compare(
    _ one: VectorIndex, _ other: VectorIndex, pictures: [Int], count: Int
  ) throws(IndexError) -> IndexComparison {
    let rows = pictures.compactMap { picture -> (first: Int, second: Int)? in
      guard let a = one.row(ofPicture: picture), let b = other.row(ofPicture: picture) else {
        return nil
      }
      return (a, b)
    }
    let first = try nearest(in: one, toItems: rows.map(\.first), count: count)
    let second = try nearest(in: other, toItems: rows.map(\.second), count: count)
    let questions = rows.indices.map {
      IndexComparison.Question(rows: rows[$0], first: first[$0], second: second[$0])
    }
    return IndexComparison(
      questions: questions, precision: Self.precision(questions, one, other),
      overlap: Self.overlap(questions, one, other))
  }

  private static func precision(
    _ questions: [IndexComparison.Question], _ one: VectorIndex, _ other: VectorIndex
  ) -> (first: Double, second: Double)? {
    guard one.labels.count > 1 else { return nil }
    func share(_ found: [Neighbour], _ row: Int, _ index: VectorIndex) -> Double? {
      guard let label = index.item(row).label, !found.isEmpty else { return nil }
      return Double(found.count { index.item($0.row).label == label }) / Double(found.count)
    }
    let first = questions.compactMap { share($0.first, $0.rows.first, one) }
    let second = questions.compactMap { share($0.second, $0.rows.second, other) }
    guard !first.isEmpty, !second.isEmpty else { return nil }
    return (
      first.reduce(0, +) / Double(first.count), second.reduce(0, +) / Double(second.count)
    )
  }

  private static func overlap(
    _ questions: [IndexComparison.Question], _ one: VectorIndex, _ other: VectorIndex
  ) -> Double {
    var (both, all) = (0, 0)
    for question in questions {
      let seen = Set(question.first.map { one.items.picture($0.row) })
      both += question.second.count { seen.contains(other.items.picture($0.row)) }
      all += question.second.count
    }
    return all == 0 ? 1 : Double(both) / Double(all)
  }
}
