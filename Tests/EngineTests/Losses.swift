import TensorGraph
import Tensors

// What methods minimise, recorded from the operations of the graph: that they can be is what these are here to show.

/// NT-Xent (Chen et al. 2020, arXiv 2002.05709, eq. 1) of any number of views of one batch, each `[N,D]`: the mean over
/// all ordered pairs (i, j) of two views of one picture of `−sᵢⱼ + log Σₖ≠ᵢ exp(sᵢₖ)`, where s is the cosine over the
/// temperature and k is any view of any picture.
func ntXent(_ views: [Tensor], temperature: Float) -> Tensor {
  let views = views.map { $0.l2Normalized() }
  let all = Tensor.concatenatingRows(views)
  let similarities = all.multiplied(by: all, transposeSecond: true) * (1 / temperature)
  let denominators = similarities.logSumExpOfRows(excludingDiagonal: true).mean()
  var positives: [Tensor] = []
  for (first, view) in views.enumerated() {
    for other in views.dropFirst(first + 1) {
      positives.append((view * other).sumOfColumns().mean())
    }
  }
  let sum = positives.dropFirst().reduce(positives[0], +)
  return denominators - sum * (1 / (temperature * Float(positives.count)))
}

/// VICReg (Bardes et al. 2022, arXiv 2105.04906, eq. 6) of two views `[N,D]`, with the weights and the ε of the paper.
func vicReg(_ x: Tensor, _ y: Tensor) -> Tensor {
  let invariance = (x - y).squared().mean()
  let (ofX, ofY) = (varianceAndCovariance(x), varianceAndCovariance(y))
  return invariance * 25 + (ofX.variance + ofY.variance) * 12.5 + (ofX.covariance + ofY.covariance)
}

/// `mean(max(0, 1 − √(Var + ε)))` over the columns, and the sum of the squared covariances of different columns over D.
private func varianceAndCovariance(_ x: Tensor) -> (variance: Tensor, covariance: Tensor) {
  let (rows, columns) = (x.shape[0], Float(x.shape[1]))
  let mean = x.sumOfRows() * (1 / Float(rows))
  let centred = x - mean.repeatedRows(rows)
  let variance = centred.squared().sumOfRows() * (1 / Float(rows - 1))
  let deviation = (variance + 1e-4).squareRoot()
  let covariance =
    centred.multiplied(by: centred, transposeFirst: true).zeroingDiagonal() * (1 / Float(rows - 1))
  return ((deviation * -1 + 1).relu().mean(), covariance.squared().mean() * columns)
}

/// BYOL (Grill et al. 2020, arXiv 2006.07733, eq. 2), symmetrised: `‖p̄₁ − z̄₂‖² + ‖p̄₂ − z̄₁‖²`, the mean over the rows.
/// No gradient flows to the targets.
func bootstrap(_ predictions: [Tensor], _ targets: [Tensor]) -> Tensor {
  let losses = zip(predictions, targets.reversed()).map { prediction, target in
    (prediction.l2Normalized() - target.stoppingGradient().l2Normalized()).squared()
      .sumOfColumns().mean()
  }
  return losses[0] + losses[1]
}
