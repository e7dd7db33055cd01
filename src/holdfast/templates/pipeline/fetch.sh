# Stands for a real source: prints "time,temperature" lines of a city.
case "$1" in
  Oslo) base=4 ;;
  Bergen) base=7 ;;
  Tromso) base=-3 ;;
  *) echo "no such city: $1" >&2; exit 2 ;;
esac
echo "# $1, degrees Celsius"
for hour in 06 09 12 15 18; do
  echo "$hour:00,$((base + ${hour#0} % 5))"
done
echo "21:00,"
