import Foundation

/// Lines of a table for a terminal: the first column to the left, the others to the right.
enum TextTable {
  private static let widths = (first: 32, other: 12)

  /// The place in a line where a cell ends.
  private static func end(_ index: Int) -> Int { widths.first + widths.other * index }

  static func line(_ cells: [String]) -> String {
    var line = ""
    for (index, cell) in cells.enumerated() where !cell.isEmpty {
      let space = String(
        repeating: " ", count: max(index == 0 ? 0 : 2, end(index) - cell.count - line.count))
      line += index == 0 ? cell : space + cell
    }
    return line
  }
}

/// A number with a fixed count of digits after the point.
func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
