import Foundation

/// Lines of a table for a terminal: the first column to the left, the others to the right.
enum TextTable {
  private static let widths = (first: 32, other: 12)

  static func line(_ cells: [String]) -> String {
    cells.enumerated().map { index, cell in
      let width = index == 0 ? widths.first : max(widths.other, cell.count + 2)
      let space = String(repeating: " ", count: max(0, width - cell.count))
      return index == 0 ? cell + space : space + cell
    }.joined().trimmingCharacters(in: .newlines)
  }
}

/// A number with a fixed count of digits after the point.
func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
