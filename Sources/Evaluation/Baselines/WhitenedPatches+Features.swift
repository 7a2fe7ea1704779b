internal import Synchronization
public import Tensors
internal import Threads

extension WhitenedPatches {
  /// Positions of a tile: with 512 filters its products take half a megabyte and stay in the second cache.
  private static let tileRows = 256

  /// The features `[N, dimension]` of pictures `[N, height, width, channels]`, values 0…1.
  ///
  /// First the means of the positive products, filter after filter, then those of the negative ones. The bits of a
  /// picture's features depend on neither the pictures beside it nor the number of threads. Memory beyond the result is a
  /// tile of positions per thread.
  public func features(
    of pictures: [Float], height: Int, width: Int, threads: ThreadBudget
  ) -> [Float] {
    let size = height * width * channels
    precondition(
      height >= kernelSize && width >= kernelSize && pictures.count % size == 0,
      "\(pictures.count) values are not pictures of \(width) × \(height) px, \(channels) channels.")
    let count = pictures.count / size
    let workers = min(threads.count, count)
    guard workers > 1 else { return features(of: pictures, 0..<count, height, width) }
    // Each thread multiplies small tiles alone: one tile is too small a product to share between threads.
    let parts = Mutex([[Float]](repeating: [], count: workers))
    ThreadGroup(count: workers) { worker in
      let range = count * worker / workers..<count * (worker + 1) / workers
      let part = features(of: pictures, range, height, width)
      parts.withLock { $0[worker] = part }
    }.join()
    return parts.withLock { $0.flatMap { $0 } }
  }

  private func features(
    of pictures: [Float], _ range: Range<Int>, _ height: Int, _ width: Int
  ) -> [Float] {
    let size = height * width * channels
    var result: [Float] = []
    result.reserveCapacity(range.count * dimension)
    var tile = Tile(self)
    for index in range {
      result += tile.features(
        of: pictures, from: index * size, height: height, width: width)
    }
    return result
  }

  /// One thread's working memory.
  private struct Tile {
    let patches: WhitenedPatches
    let algebra = DenseAlgebra(threads: ThreadBudget(1))
    /// Positions `[tileRows, patchElementCount]`, im2col.
    var columns: [Float]
    /// Products `[rows, count]`.
    var products: [Float] = []
    /// Sums over positions: of positive products, then of negative ones.
    var sums: [Float]

    init(_ patches: WhitenedPatches) {
      self.patches = patches
      columns = [Float](repeating: 0, count: tileRows * patches.patchElementCount)
      sums = [Float](repeating: 0, count: patches.dimension)
    }

    mutating func features(of pictures: [Float], from first: Int, height: Int, width: Int)
      -> [Float]
    {
      let across = width - patches.kernelSize + 1
      let positions = (height - patches.kernelSize + 1) * across
      var means = [Double](repeating: 0, count: patches.dimension)
      for start in stride(from: 0, to: positions, by: tileRows) {
        let rows = min(tileRows, positions - start)
        gather(pictures, first, width, across, start..<start + rows)
        algebra.product(
          columns, rows: 0..<rows, transposing: patches.filters, columns: patches.count,
          inner: patches.patchElementCount, into: &products)
        algebra.addThresholded(
          products, rows: rows, bias: patches.bias, both: patches.signs == .both, into: &sums)
        // A tile's sums are added in float64, so that large pictures lose nothing.
        for i in sums.indices { means[i] += Double(sums[i]) }
      }
      return means.map { Float($0 / Double(positions)) }
    }

    /// Copies the patches at `positions`, row by row of the kernel.
    private mutating func gather(
      _ pictures: [Float], _ first: Int, _ width: Int, _ across: Int, _ positions: Range<Int>
    ) {
      let (kernel, channels) = (patches.kernelSize, patches.channels)
      let run = kernel * channels
      var target = 0
      for position in positions {
        let (y, x) = position.quotientAndRemainder(dividingBy: across)
        for row in y..<y + kernel {
          let source = first + (row * width + x) * channels
          for i in 0..<run { columns[target + i] = pictures[source + i] }
          target += run
        }
      }
    }
  }
}
