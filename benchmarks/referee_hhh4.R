# Fits the reference model with surveillance::hhh4. Arguments: folder with counts.csv and contiguity.csv, no headers.
# Writes fit.csv (name, value, error) there: coefficients on the scale of the mean, levels and log size as logarithms.
folder <- commandArgs(trailingOnly = TRUE)[1]
suppressPackageStartupMessages(library(surveillance))
counts <- as.matrix(read.csv(file.path(folder, "counts.csv"), header = FALSE))
links <- as.matrix(read.csv(file.path(folder, "contiguity.csv"), header = FALSE))
colnames(counts) <- rownames(links) <- colnames(links) <- sprintf("u%05d", seq_len(ncol(counts)))
world <- sts(observed = counts, frequency = 12, neighbourhood = links)
weights <- links / pmax(rowSums(links), 1)
control <- list(
  ar = list(f = ~1),
  ne = list(f = ~1, weights = weights),
  end = list(f = addSeason2formula(~ -1 + fe(1, unitSpecific = TRUE), S = 1, period = 12)),
  family = "NegBin1"
)
before <- proc.time()
fit <- hhh4(world, control)
after <- proc.time() - before
value <- coef(fit)
error <- sqrt(diag(vcov(fit)))
excite <- grepl("^(ar|ne)\\.", names(value))
value[excite] <- exp(value[excite])
error[excite] <- error[excite] * value[excite]
spread <- names(value) == "overdisp"
error[spread] <- error[spread] / value[spread]
value[spread] <- -log(value[spread])
names(value)[spread] <- "log_size"
out <- data.frame(name = names(value), value = value, error = error)
about <- data.frame(
  name = c("loglike", "seconds", "work", "converged"),
  value = c(
    as.numeric(logLik(fit)), after[["elapsed"]], after[["user.self"]] + after[["sys.self"]],
    as.numeric(fit$convergence)
  ),
  error = NA
)
options(digits = 15)
write.csv(rbind(out, about), file.path(folder, "fit.csv"), row.names = FALSE)
